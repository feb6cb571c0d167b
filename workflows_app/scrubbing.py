"""Striking secret values out of text and JSON.

An outside system may send back what it got, as it is, in the escapes of a format, folded into lines, or
packed as base64 or hexadecimal, also one in the other. First what is written in a usual way is struck out
alone; if the value still shows, whole words go, and if that is not enough, all of the text. A value that was
cut into pieces, compressed or enciphered is not found.
"""

from __future__ import annotations

import base64
import html
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote

STRUCK_OUT = "[secret]"
#: How often a value may have been escaped or packed, one in the other.
_DEPTH = 3
_ESCAPE = re.compile(
    r"\\(?:u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\}|x([0-9a-f]{2})|([0-3][0-7]{2})|(.))",
    re.IGNORECASE | re.DOTALL,
)
_REFERENCE = re.compile(r"&#0*([0-9]+)")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_=\s-]|\\[rn])+")
_BETWEEN = re.compile(r"[\s=]|\\[rn]")
_WORD = re.compile(r"[^\s\"'<>{}(),]+")
_HEXADECIMAL = re.compile(r"(?:(?:0x)?[0-9A-Fa-f]{2}[\s:,-]{0,2})+", re.ASCII)
_BETWEEN_HEXADECIMAL = re.compile(r"0x|[\s:,-]")
#: Where a line is folded: anywhere, and in quoted-printable.
_FOLDS = (re.compile(r"[\r\n]+[ \t]*"), re.compile(r"=\r?\n"))


def scrub(text: str, values: Iterable[str]) -> str:
    """Return `text` without the secret `values`, bare, escaped or packed."""
    found = shown(text, values)
    # The longest first: one may be part of another.
    for value in sorted(found, key=len, reverse=True):
        for form in _forms(value):
            # Escapes may be in upper or lower case, as %2F and %2f.
            text = re.sub(re.escape(form), STRUCK_OUT, text, flags=re.IGNORECASE)
    if found and (rest := shown(text, found)):
        text = _WORD.sub(lambda word: STRUCK_OUT if shown(word[0], rest) else word[0], text)
        if shown(text, rest):
            return STRUCK_OUT
    return text


def scrub_json(value: Any, values: Iterable[str]) -> Any:
    """Return a JSON value without the secret `values`, in keys and numbers too."""
    secret = list(values)
    if isinstance(value, str):
        return scrub(value, secret)
    if isinstance(value, dict):
        return {scrub(key, secret): scrub_json(item, secret) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub_json(item, secret) for item in value]
    if isinstance(value, int | float) and shown(str(value), secret):
        return STRUCK_OUT
    return value


def shown(text: str, values: Iterable[str]) -> set[str]:
    """Return those of `values` that can be read out of `text`."""
    # Whatever one was packed as, it did not become shorter.
    possible = {value for value in values if len(value) <= len(text)}
    if not possible:
        return set()
    found: set[str] = set()
    for reading in _readings(text, min(map(len, possible)), _DEPTH):
        plain = reading.casefold()
        found |= {value for value in possible - found if value.casefold() in plain}
    return found


def _readings(text: str, length: int, depth: int) -> Iterator[str]:
    """Yield `text`, and all that it may stand for, if it holds something of `length` characters."""
    yield text
    if depth:
        for view in _views(text, length):
            if view != text and len(view) >= length:
                yield from _readings(view, length, depth - 1)


def _forms(value: str) -> list[str]:
    """Return how `value` is usually written, the longest first: none is part of one that comes later."""
    in_json = json.dumps(value)[1:-1]
    forms = {
        value,
        in_json,
        in_json.replace("/", "\\/"),
        json.dumps(value, ensure_ascii=False)[1:-1],
    }
    forms |= {quote(value), quote(value, safe=""), quote_plus(value)}
    forms |= {html.escape(value), html.escape(value, quote=False), repr(value)[1:-1]}
    return sorted(forms, key=len, reverse=True)


def _views(text: str, length: int) -> Iterator[str]:
    """Yield what `text` may stand for, by one way to escape or pack it."""
    if "%" in text:
        yield unquote(text)
    if "+" in text:
        yield unquote(text.replace("+", " "))
    if "&" in text:
        # Of thousands of digits Python makes no number; none of over seven stands for a character.
        yield html.unescape(_REFERENCE.sub(lambda found: f"&#{found[1][:8]}", text))
    if "\\" in text:
        yield _ESCAPE.sub(_unescaped, text)
    if "\n" in text or "\r" in text:
        for fold in _FOLDS:
            yield fold.sub("", text)
    if not text.isascii():
        plain = unicodedata.normalize("NFKC", text)
        yield "".join(each for each in plain if unicodedata.category(each) != "Cf")
    for run in _BASE64.findall(text):
        if len(run) * 3 >= length * 4:
            yield from _from_base64(_BETWEEN.sub("", run).replace("-", "+").replace("_", "/"))
    for run in _HEXADECIMAL.findall(text):
        if len(run) >= length * 2:
            packed = bytes.fromhex(_BETWEEN_HEXADECIMAL.sub("", run))
            yield packed.replace(b"\0", b"").decode(errors="replace")


def _from_base64(run: str) -> Iterator[str]:
    # What stands before it in the same run may have any length.
    for start in range(4):
        part = run[start:]
        padded = part[: len(part) - 1] if len(part) % 4 == 1 else part
        packed = base64.b64decode(padded + "=" * (-len(padded) % 4))
        # Some pack each character with a zero beside it.
        yield packed.replace(b"\0", b"").decode(errors="replace")


def _unescaped(escape: re.Match[str]) -> str:
    code, octal = escape[1] or escape[2] or escape[3], escape[4]
    if octal:
        return chr(int(octal, base=8))
    # Above what there is of characters it stands for none.
    return chr(min(int(code, base=16), sys.maxunicode)) if code else escape[5]
