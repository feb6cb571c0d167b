"""Addresses from templates: a parameter fills its place and can't change what the address means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

_FIELD = re.compile(r"\{(\w+)\}")


def filled(template: str, fields: Mapping[str, Any]) -> str:
    """Return `template` with `fields`, quoted, in the places of their names in braces.

    Raises LookupError if one is missing, and ValueError if one is empty or neither text nor a
    number, or if the address would not be one.
    """
    address = _FIELD.sub(lambda field: quote(_text(field[1], fields), safe=""), template)
    if not address.startswith(("http://", "https://")):
        raise ValueError("the address must begin with http:// or https://")
    if {".", ".."} & set(urlsplit(address).path.split("/")):
        raise ValueError("the address must not go up its own path")
    return address


def _text(name: str, fields: Mapping[str, Any]) -> str:
    if name not in fields:
        raise LookupError(f"the params have no '{name}', which the address needs")
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(
            f"'{name}' is {type(value).__name__}, but the address needs text or a number"
        )
    # Nothing in place of an identity would mean all: a search for everything, a delete of everything.
    if value == "":
        raise ValueError(f"'{name}' is empty, but the address needs it")
    return str(value)
