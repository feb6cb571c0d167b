"""Reading JSON of others so that nothing in it becomes something else, without a word.

Python reads a number with a fraction or an exponent as the nearest floating-point number, and of two equal
keys it forgets the first. Both are refused here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from workflows_app.sdk.json_values import WHOLE_FLOAT

#: More digits than any number has that `jsonb` and Python can both hold.
_DIGITS = 400
_SHOWN = 60


class NotExact(ValueError):
    """A text is JSON, but what it says can't be kept as it is."""


def read_json(text: str) -> Any:
    """Return what `text` says. Raises NotExact, json.JSONDecodeError, and RecursionError if it is too deep."""
    return json.loads(
        text,
        parse_float=_float,
        parse_int=_integer,
        parse_constant=_constant,
        object_pairs_hook=_object,
    )


def _float(text: str) -> float | int:
    number = float(text)
    if not math.isfinite(number) or len(text) > _DIGITS:
        raise _inexact(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        # As 0e99999999999999999999.
        raise _inexact(text) from None
    if abs(number) >= WHOLE_FLOAT and exact == exact.to_integral_value():
        # As 1e23, which no floating-point number is.
        return int(exact)
    if exact != Decimal(repr(number)):
        raise _inexact(text)
    return number


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise _inexact(text)
    return int(text)


def _constant(text: str) -> NoReturn:
    raise NotExact(f"{text} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, times in counts.items() if times > 1)
        raise NotExact(f"the key {_cut(twice)!r} is there twice")
    return found


def _inexact(text: str) -> NotExact:
    return NotExact(f"the number {_cut(text)} can't be kept exactly; give it as a text, in quotes")


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
