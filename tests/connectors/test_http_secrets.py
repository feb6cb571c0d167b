"""Secrets are known by name: looked up when a call is made, and refused if they can't be kept secret."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from tests.connectors.calling import called, looked_up, mutator, sure_no
from tests.connectors.server import Outside
from tests.connectors.token import CALLS, HEADERS, SECRET, VALUE, leaks
from workflows_app.connectors.http import HttpMutator, Secret
from workflows_app.secrets import names_of_missing_ones

pytestmark = pytest.mark.usefixtures("token")


def test_the_value_is_sent_within_its_template(outside: Outside) -> None:
    called(outside.address, headers={"Authorization": SECRET, "X-Plain": "1"})
    (sent,) = outside.received
    assert sent.headers["Authorization"] == f"Bearer {VALUE}"
    assert sent.headers["X-Plain"] == "1"


def test_a_lookup_sends_it_too(outside: Outside) -> None:
    looked_up(outside.address, headers=HEADERS)
    assert outside.received[0].headers["Authorization"] == f"Bearer {VALUE}"


def test_the_environment_is_the_second_place(
    outside: Outside, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BANK_TOKEN", "from-outside")
    assert SECRET.filled() == f"Bearer {VALUE}"
    del settings.BANK_TOKEN
    assert SECRET.filled() == "Bearer from-outside"
    assert Secret("BANK_TOKEN").filled() == "from-outside"


@pytest.mark.parametrize("empty", [None, ""])
def test_a_missing_secret_is_a_sure_no_that_names_it(
    outside: Outside, settings: Settings, empty: str | None
) -> None:
    settings.BANK_TOKEN = empty

    refused = sure_no(outside.address, headers=HEADERS)

    told = "LookupError: the secret BANK_TOKEN is neither in the settings nor set outside"
    assert str(refused) == f"The request can't be built: {told}"
    assert (refused.retryable, refused.caller_fault) == (False, True)
    assert "BANK_TOKEN" in names_of_missing_ones()
    assert looked_up(outside.address, headers=HEADERS).why == f"The lookup failed: {told}"
    assert outside.received == []


def test_a_secret_in_a_text_is_refused_at_once() -> None:
    with pytest.raises(
        TypeError, match=r"a Secret is no text: write Secret\('BANK_TOKEN', 'Bearer"
    ):
        f"Bearer {SECRET}"


def test_neither_the_secret_nor_its_mutator_shows_the_value() -> None:
    assert repr(SECRET) == "Secret(name='BANK_TOKEN', template='Bearer {}')"
    assert VALUE not in repr(vars(mutator(HttpMutator, headers=HEADERS)))


def test_a_short_secret_is_refused_by_the_check_and_by_each_call(
    outside: Outside, settings: Settings
) -> None:
    assert [error for error in run_checks() if error.id == "workflows_app.E022"] == []
    settings.BANK_TOKEN = "s3cr3t!"

    refused = sure_no(outside.address, headers=HEADERS)

    told = (
        "secret BANK_TOKEN has fewer than 8 characters: it can't be struck out of answers without"
    )
    assert str(refused) == f"The request can't be built: ValueError: the {told} harm to them"
    assert outside.received == []
    (error,) = [error for error in run_checks() if error.id == "workflows_app.E022"]
    assert error.msg == f"The {told} harm to them; no call that needs it is sent."
    assert error.hint == "Set it to the whole value that the outside system has issued."
    settings.BANK_TOKEN = "s3cr3t!!"
    assert [error for error in run_checks() if error.id == "workflows_app.E022"] == []
    assert called(outside.address, headers=HEADERS)["status"] == 200


def test_a_secret_in_the_body_is_sent_and_struck_out(outside: Outside) -> None:
    def body(self: HttpMutator, params: Any) -> Any:
        return {"login": [{"password": Secret("BANK_TOKEN")}], "as text": SECRET.filled()} | {
            "pair": (Secret("BANK_TOKEN"), 7)
        }

    for status, call in CALLS.items():
        outside.answers(status, {"you sent": {"password": VALUE}})
        told = str(call(outside.address, body=body))
        assert not leaks(told)
        assert "[secret]" in told
    assert outside.received[0].json == {
        "login": [{"password": VALUE}],
        "as text": f"Bearer {VALUE}",
        "pair": [VALUE, 7],
    }


@pytest.mark.parametrize("value", ["a-token ", "a-token\n", "a-tökenen", "a\x7ftokenen"])
def test_a_value_that_cannot_be_sent_is_told_by_its_header(
    outside: Outside, settings: Settings, value: str
) -> None:
    settings.BANK_TOKEN = value
    refused = sure_no(outside.address, headers={"Authorization": Secret("BANK_TOKEN")})
    assert str(refused) == (
        "The request can't be built: ValueError: header Authorization has characters that can't"
        " be sent"
    )
    assert outside.received == []


def test_a_warning_and_the_traceback_of_an_error_do_not_show_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("workflows_app")
    logger.warning("answered %s, %d times", VALUE, 7)
    try:
        raise ValueError(VALUE)
    except ValueError:
        logger.exception("it failed")

    assert caplog.messages == ["answered [secret], 7 times", "it failed"]
    assert "ValueError: [secret]" in caplog.text
    assert not leaks(caplog.text)


def test_an_error_of_the_authors_code_does_not_show_it(outside: Outside) -> None:
    def body(self: HttpMutator, params: Any) -> Any:
        raise ValueError(f"bad token {SECRET.filled()}")

    refused = sure_no(outside.address, headers=HEADERS, body=body)

    assert str(refused) == "The request can't be built: ValueError: bad token Bearer [secret]"
