"""What may cross the database: JSON with a size limit, the same after the round trip.

PostgreSQL's `jsonb` can hold neither NUL characters nor half surrogate pairs nor NaN, and gives a
large whole float back as an integer. All that is settled here, before anything is written.
"""

from __future__ import annotations

import json
import math
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, TypeGuard
from uuid import UUID

from workflows_app.errors import InvalidName, NotJson, TooLarge

#: Above this a float has no fraction, and `jsonb` returns it as an integer.
WHOLE_FLOAT = 2.0**53
#: What the largest float takes; of a few more, Python refuses to read or write the digits.
_INTEGER_BITS = 1024
#: Well below where copying or reading the value again would exhaust the stack.
_DEPTH = 100
#: What is often given, and must be a text to come back as it is.
_HAVE_A_TEXT = (Decimal, date, time, timedelta, UUID)
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def json_value(value: Any, *, field: str, limit_bytes: int) -> Any:
    """Return `value` as it will come back from the database.

    Tuples become lists; large whole floats become integers of the same value. `field` names the
    value in errors. Raises NotJson with the path of what is wrong, and TooLarge.
    """
    return measured_json(value, field=field, limit_bytes=limit_bytes)[0]


def measured_json(value: Any, *, field: str, limit_bytes: int) -> tuple[Any, int]:
    """Return what `json_value` returns, and how many bytes it has as a text. Raises as it does."""
    try:
        clean = _clean(value, field, 0)
        size = size_of_json(clean)
    except RecursionError:
        raise NotJson(field, "it is nested too deeply, or contains itself") from None
    if size > limit_bytes:
        raise TooLarge(field, size, limit_bytes)
    return clean, size


def size_of_json(value: Any) -> int:
    """Return how many bytes a JSON value has as a text."""
    text = _compact(value)
    return len(text) if text.isascii() else len(text.encode())


def is_same_json(one: Any, other: Any) -> bool:
    """Tell whether both are the same JSON: to Python, true equals 1."""
    if one is other:
        return True
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def copied(value: Any) -> Any:
    """Return a deep copy of a JSON value: an author's code may do with it what it likes."""
    kind = type(value)
    if kind is dict:
        return {key: copied(item) for key, item in value.items()}
    if kind is list:
        return [copied(item) for item in value]
    return value


def _clean(value: Any, path: str, depth: int) -> Any:
    if isinstance(value, str):
        return _text(value, path)
    if depth > _DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        return {
            _key(key, path): _clean(item, f"{path}.{key}" if path else str(key), depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_clean(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _integer(value, path)
    if isinstance(value, float):
        return _float(value, path)
    remedy = "; give it as a text" if isinstance(value, _HAVE_A_TEXT) else ""
    raise NotJson(path, f"{type(value).__name__} has no JSON form{remedy}")


def _key(key: Any, path: str) -> str:
    if not isinstance(key, str):
        raise NotJson(path, f"its key {key!r} is not a string")
    return _text(key, path, "a key of ")


def _text(value: str, path: str, which: str = "") -> str:
    if "\x00" in value:
        raise NotJson(which + path, "it contains a NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotJson(which + path, "it contains half of a surrogate pair") from None
    # `str()` of a member of an enumeration of texts would be its name.
    return str.__str__(value)


def _integer(value: int, path: str) -> int:
    if value.bit_length() > _INTEGER_BITS:
        raise NotJson(path, "the number is too large")
    return int(value)


def _float(value: float, path: str) -> float | int:
    if not math.isfinite(value):
        raise NotJson(path, f"{value} is not a JSON number")
    # There is no negative zero in `jsonb`.
    return int(value) if abs(value) >= WHOLE_FLOAT else float(value) + 0.0


def require_text(value: str, *, field: str) -> str:
    """Return `value` as the database can look for it. Raises InvalidName for NUL and half a surrogate pair."""
    try:
        return _text(value, field) if isinstance(value, str) else value
    except NotJson as error:
        raise InvalidName(field, f"is no valid text: {error.problem}") from None


def is_text(value: object) -> TypeGuard[str]:
    """Tell whether `value` is a text that the database can hold: without NUL, and without half a surrogate pair."""
    try:
        return isinstance(value, str) and bool(_text(value, "") or True)
    except NotJson:
        return False


def identifier(value: Any, *, field: str, max_length: int = 200) -> str:
    """Return `value` if it can identify something: text, not empty, at most `max_length` characters.

    Raises InvalidName.
    """
    if not isinstance(value, str):
        raise InvalidName(field, f"must be text, not {type(value).__name__}")
    if not value.strip():
        raise InvalidName(field, "must not be empty")
    if len(value) > max_length:
        raise InvalidName(field, f"has {len(value)} characters; at most {max_length} are allowed")
    return require_text(value, field=field)
