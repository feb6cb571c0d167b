"""What may cross the database comes back as it went in, or is refused by name before it is written."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import uuid
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workflows_app.errors import InvalidName, NotJson, TooLarge
from workflows_app.models import Handler, LaneState, Workflow
from workflows_app.sdk.json_values import copied, identifier, json_value

LIMIT = 10_000


class Colour(str, enum.Enum):  # noqa: UP042 - what authors write, and whose str() is its name
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


Point = namedtuple("Point", ["x", "y"])


def checked(value: Any) -> Any:
    return json_value(value, field="payload", limit_bytes=LIMIT)


def nested(depth: int, kind: type = list) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if kind is dict else [value]
    return value


def as_text(value: Any) -> str:
    """Return `value` as text that tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


def through_jsonb(value: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(value)])
        return json.loads(cursor.fetchone()[0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (10**300, 10**300),
        (-(2**63) - 1, -(2**63) - 1),
        (1.0, 1.0),
        (0.1, 0.1),
        (-0.0, 0.0),
        (5e-324, 5e-324),
        (2.0**53 - 1, 2.0**53 - 1),
        (2.0**53, 2**53),
        (1.7976931348623157e308, int(1.7976931348623157e308)),
        ("", ""),
        ("Zoë 🙂 \\u0000 \"'\n\t\x01\uffff", "Zoë 🙂 \\u0000 \"'\n\t\x01\uffff"),
        (Colour.RED, "red"),
        ({Colour.RED: Size.LARGE}, {"red": 3}),
        ((1, (2, [3])), [1, [2, [3]]]),
        (Point(1, 2), [1, 2]),
        ({"b": [], "a": {}, "": None}, {"": None, "a": {}, "b": []}),
        (nested(100), nested(100)),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_is_returned_as_it_comes_back_from_the_database(value: Any, stored: Any) -> None:
    clean = checked(value)

    assert as_text(clean) == as_text(stored)
    workflow = Workflow.objects.create(slug="json")
    handler = Handler.objects.create(workflow=workflow, name="h", kind="producer")
    pk = LaneState.objects.create(handler=handler, lane="", state=clean).pk
    assert as_text(LaneState.objects.get(pk=pk).state) == as_text(stored)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.django_db
@settings(max_examples=150, derandomize=True, database=None, deadline=None)
@given(VALUES)
@example(1e16)
@example({"a": [1e22, -1e300, 1e-300, 123456789.123456789]})
def test_whatever_is_accepted_is_the_same_after_the_round_trip(value: Any) -> None:
    clean = checked(value)

    assert as_text(through_jsonb(clean)) == as_text(clean)
    assert clean == value


itself: list[Any] = []
itself.append(itself)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "payload is not JSON: nan is not a JSON number."),
        ([0, float("inf")], "payload[1] is not JSON: inf is not a JSON number."),
        ({"a": -float("inf")}, "payload.a is not JSON: -inf is not a JSON number."),
        (2**1024, "payload is not JSON: the number is too large."),
        ([-(10**5000)], "payload[0] is not JSON: the number is too large."),
        ("a\x00b", "payload is not JSON: it contains a NUL character."),
        ({"lines": ["\ud83d"]}, "payload.lines[0] is not JSON: it contains half of a surrogate pair."),
        ({"a\x00": 1}, "a key of payload is not JSON: it contains a NUL character."),
        ({"x": {"\udc00": 1}}, "a key of payload.x is not JSON: it contains half of a surrogate pair."),
        ({"lines": [1, {2: 3}]}, "payload.lines[1] is not JSON: its key 2 is not a string."),
        ({None: 1}, "payload is not JSON: its key None is not a string."),
        ({"at": datetime.date(2026, 1, 2)}, "payload.at is not JSON: date has no JSON form; give it as a text."),
        ([[decimal.Decimal("1.5")]], "payload[0][0] is not JSON: Decimal has no JSON form; give it as a text."),
        ({"a": {"b": b"x"}}, "payload.a.b is not JSON: bytes has no JSON form."),
        ({1, 2}, "payload is not JSON: set has no JSON form."),
        (datetime.timedelta(1), "payload is not JSON: timedelta has no JSON form; give it as a text."),
        (uuid.UUID(int=1), "payload is not JSON: UUID has no JSON form; give it as a text."),
        ((n for n in "ab"), "payload is not JSON: generator has no JSON form."),
        (object(), "payload is not JSON: object has no JSON form."),
        (nested(101), "payload is not JSON: it is nested too deeply, or contains itself."),
        (nested(101, dict), "payload is not JSON: it is nested too deeply, or contains itself."),
        (itself, "payload is not JSON: it is nested too deeply, or contains itself."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_not_json_is_refused_with_its_path(value: Any, message: str) -> None:
    with pytest.raises(NotJson) as refused:
        checked(value)

    assert str(refused.value) == message
    assert message.startswith(f"{refused.value.field} is not JSON: {refused.value.problem}")


@pytest.mark.parametrize(("text", "size"), [("a" * 8, 10), ("ü" * 4, 10), ("\n" * 4, 10)])
def test_a_value_may_take_as_many_bytes_as_the_limit_says(text: str, size: int) -> None:
    assert json_value(text, field="data", limit_bytes=size) == text

    with pytest.raises(TooLarge) as refused:
        json_value(text, field="data", limit_bytes=size - 1)

    assert (refused.value.field, refused.value.size, refused.value.limit) == ("data", 10, 9)


def test_too_large_says_how_large_and_what_to_do() -> None:
    with pytest.raises(TooLarge) as refused:
        json_value({"a": "x" * 20_000}, field="params", limit_bytes=10_000)

    assert str(refused.value) == (
        "params takes 20,008 bytes as JSON; at most 10,000 are allowed. Store the bulk elsewhere and"
        " keep a reference, or raise json_max_bytes, in WORKFLOWS or in the `policy` that overrides it."
    )


@pytest.mark.parametrize("make", [checked, copied])
def test_the_given_value_is_neither_changed_nor_shared(make: Callable[[Any], Any]) -> None:
    given_value = {"lines": [[1]]}

    clean = make(given_value)
    assert clean == given_value
    clean["lines"][0].append(2)

    assert given_value == {"lines": [[1]]}


@pytest.mark.parametrize("value", ["42", " x ", "a" * 200, "Zoë\n🙂"])
def test_any_text_can_identify(value: str) -> None:
    assert identifier(value, field="message_id") == value


def test_a_member_of_an_enumeration_identifies_by_its_value() -> None:
    assert identifier(Colour.RED, field="message_id") == "red"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (42, "message_id must be text, not int."),
        (None, "message_id must be text, not NoneType."),
        ("", "message_id must not be empty."),
        (" \t\n", "message_id must not be empty."),
        ("a" * 201, "message_id has 201 characters; at most 200 are allowed."),
        ("a\x00", "message_id is no valid text: it contains a NUL character."),
        ("\ud800", "message_id is no valid text: it contains half of a surrogate pair."),
    ],
)
def test_what_can_not_identify_is_refused_by_name(value: Any, message: str) -> None:
    with pytest.raises(InvalidName) as refused:
        identifier(value, field="message_id")

    assert (str(refused.value), refused.value.field) == (message, "message_id")
