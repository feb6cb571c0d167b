"""Addresses from templates: a parameter fills its place and can't change what the address means.

Servers, and the proxies before them, decode addresses once, twice, or in ways of their own, and then
resolve "..". Whatever could lead one of them to another path is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

_FIELD = re.compile(r"\{(\w+)\}")
_LABEL = re.compile(r"[A-Za-z0-9-]+")
#: Dots and slashes as only old servers read them: %u002e, and UTF-8 that is longer than it may be.
_OLD_CODE = re.compile(r"%u([0-9a-f]{4})", re.IGNORECASE)
_OVERLONG = re.compile(r"%(?:c0|e0%80|f0%80%80)%(ae|af)", re.IGNORECASE)
#: Where the name of a path's part ends for some servers.
_END_OF_NAME = re.compile(r"[;?#\x00]")
_MOST_TIMES_ENCODED = 8


def filled(template: str, fields: Mapping[str, Any]) -> str:
    """Return `template` with `fields`, quoted, in the places of their names in braces.

    Raises LookupError if one is missing, and ValueError if one is empty or neither text nor a
    number, or if the address would not be one, or could lead up its own path.
    """
    address = _FIELD.sub(lambda field: quote(_text(field[1], fields), safe=""), template)
    if not address.startswith(("http://", "https://")):
        raise ValueError("the address must begin with http:// or https://")
    if "\\" in address or not address.isprintable() or " " in address:
        raise ValueError("the address must have neither spaces nor backslashes")
    if "{" in address or "}" in address:
        # As {account.id}, which would be sent as it stands there.
        raise ValueError("the address has braces without the name of a parameter in them")
    parts = urlsplit(address)
    if "@" in parts.netloc:
        raise ValueError("the address must hold no password: send it as a Secret in the headers")
    for name in _FIELD.findall(urlsplit(template).netloc):
        if not _LABEL.fullmatch(str(fields[name])):
            raise ValueError(f"'{name}' is part of the host: letters, digits and '-' only")
    if _climbs(parts.path):
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
    if not _visible(_plain(str(value))):
        raise ValueError(f"'{name}' is empty, but the address needs it")
    return str(value)


def _climbs(path: str) -> bool:
    names = (_END_OF_NAME.split(part)[0] for part in re.split(r"[/\\]", _plain(path)))
    return any(set(_visible(name)) == {"."} for name in names)


def _plain(text: str) -> str:
    """Return `text` as a server may read it that decodes more than it should."""
    for _ in range(_MOST_TIMES_ENCODED):
        plain = _OLD_CODE.sub(lambda code: chr(int(code[1], base=16)), text)
        plain = _OVERLONG.sub(lambda code: {"ae": ".", "af": "/"}[code[1].lower()], plain)
        plain = unicodedata.normalize("NFKC", unquote(plain))
        if plain == text:
            return plain
        text = plain
    raise ValueError("a part of the address is encoded over and over")


def _visible(text: str) -> str:
    """Return `text` without what some leave out: spaces, what can't be seen, and what was no UTF-8."""
    return "".join(
        each for each in text if each.isprintable() and not each.isspace() and each != "\ufffd"
    )
