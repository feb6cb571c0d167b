"""Addresses: a parameter stays in its place, and lets no server climb to another path."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connectors.calling import called, sure_no
from tests.connectors.server import Outside


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a b", "/x/a%20b/y"),
        ("1/2", "/x/1%2F2/y"),
        ("1?all=1#top", "/x/1%3Fall%3D1%23top/y"),
        ("a&b=c", "/x/a%26b%3Dc/y"),
        ("100%", "/x/100%25/y"),
        ("a..b", "/x/a..b/y"),
        ("v1.0", "/x/v1.0/y"),
        (".hidden", "/x/.hidden/y"),
        ("%41", "/x/%2541/y"),
        ("é\r\nX: 1", "/x/%C3%A9%0D%0AX%3A%201/y"),
        ("{other}", "/x/%7Bother%7D/y"),
        ("@evil.example", "/x/%40evil.example/y"),
        (7, "/x/7/y"),
        (1.5, "/x/1.5/y"),
    ],
)
def test_a_parameter_stays_in_its_place_in_the_address(
    outside: Outside, value: Any, path: str
) -> None:
    called(outside.address + "/x/{value}/y", {"value": value, "other": "secret"})
    assert outside.received[0].path == path


CLIMBS = (
    *("..", ".", "...", "a/..", "../admin", "a/../..", "a\\..", "..\\a", "/..", "a/./b"),
    *("%2e%2e", "%2E.", "a%2f..", "%252e%252e", "a%255c%252e%252e", "%2525252e" * 2),
    *("..;x=1", "..;", "a/..;/admin", "..%00", "..\x00.pdf", "..?all=1", "..#top"),
    *(" ..", ".. ", "\t..", "a/..\n", "\u200b..", "a/ .. /b"),
    *("\uff0e\uff0e", "\u2025", "a\uff0f..", "a\uff3c..", "\u2024."),
    *("%u002e%u002e", "%c0%ae%c0%ae", "a%c0%af..", "%e0%80%ae."),
    *("..%ff", "%c0%2e%c0%2e", "%f8%80%80%80%ae."),
)


@pytest.mark.parametrize("value", CLIMBS, ids=ascii)
def test_no_parameter_lets_a_server_climb_to_another_path(outside: Outside, value: str) -> None:
    refused = sure_no(outside.address + "/accounts/{value}", {"value": value})
    assert str(refused) == (
        "The request can't be built: ValueError: the address must not go up its own path"
    )
    assert outside.received == []


def test_a_parameter_that_is_encoded_over_and_over_is_refused(outside: Outside) -> None:
    refused = sure_no(outside.address + "/{value}", {"value": "%" + "25" * 50 + "2e."})
    assert str(refused) == (
        "The request can't be built: ValueError: a part of the address is encoded over and over"
    )


def test_a_query_may_hold_what_a_path_may_not(outside: Outside) -> None:
    called(outside.address + "/x?file={value}", {"value": "../a b"})
    assert outside.received[0].path == "/x?file=..%2Fa%20b"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://{value}/x", "'value' is part of the host: letters, digits and '-' only"),
        ("http://a.{value}", "'value' is part of the host: letters, digits and '-' only"),
        ("http://{shard}.{value}/", "'value' is part of the host: letters, digits and '-' only"),
        (
            "http://me:pw@bank.example/",
            "the address must hold no password: send it as a Secret in the headers",
        ),
        (
            "http://bank.example\\@{value}/",
            "the address must have neither spaces nor backslashes",
        ),
        (
            "http://bank.example/a\n/{value}",
            "the address must have neither spaces nor backslashes",
        ),
        *(
            (
                f"http://bank.example/{place}/x",
                "the address has braces without the name of a parameter in them",
            )
            for place in ("{account.id}", "{}", "{{value}}")
        ),
        ("http://bank.example/a/../{value}", "the address must not go up its own path"),
        ("http://bank.example/%2e%2e/{value}", "the address must not go up its own path"),
    ],
)
def test_an_address_that_may_lead_elsewhere_is_refused(url: str, problem: str) -> None:
    refused = sure_no(url, {"value": "evil.example", "shard": "a-7"})
    assert str(refused) == f"The request can't be built: ValueError: {problem}"


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "LookupError: the params have no 'value', which the address needs"),
        ([], "LookupError: the params have no 'value', which the address needs"),
        ({"value": ""}, "ValueError: 'value' is empty, but the address needs it"),
        ({"value": " "}, "ValueError: 'value' is empty, but the address needs it"),
        ({"value": "%20"}, "ValueError: 'value' is empty, but the address needs it"),
        ({"value": "\u200b\x00"}, "ValueError: 'value' is empty, but the address needs it"),
        (
            {"value": None},
            "ValueError: 'value' is NoneType, but the address needs text or a number",
        ),
        ({"value": True}, "ValueError: 'value' is bool, but the address needs text or a number"),
        ({"value": [1]}, "ValueError: 'value' is list, but the address needs text or a number"),
    ],
)
def test_a_parameter_that_would_change_the_meaning_of_the_address_is_refused(
    outside: Outside, params: Any, problem: str
) -> None:
    refused = sure_no(outside.address + "/x/{value}/y", params)
    assert str(refused) == f"The request can't be built: {problem}"
    assert refused.retryable is False
    assert outside.received == []


@pytest.mark.parametrize("url", ["", "bank.example/x", "ftp://bank.example", "file:///etc/passwd"])
def test_only_http_addresses_are_called(url: str) -> None:
    assert str(sure_no(url)) == (
        "The request can't be built: ValueError: the address must begin with http:// or https://"
    )
