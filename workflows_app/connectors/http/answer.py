"""An answer in the form in which it may be kept: as JSON or text that the ledger can store."""

from __future__ import annotations

import codecs
import json
import string
import sys
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx

from workflows_app.connectors.http.network import AnswerTooLarge
from workflows_app.errors import NotJson
from workflows_app.scrubbing import scrub, scrub_json
from workflows_app.sdk.json_values import json_value

#: Encodings of Python that no answer has, and that take long to read or run what they read.
_NO_CHARSETS = {"idna", "punycode", "raw-unicode-escape", "unicode-escape"}
#: Read as what they are by all encodings but UTF-16, UTF-32 and those of mainframes.
_LETTERS = string.ascii_letters.encode()
_GZIP = zlib.MAX_WBITS | 16


@dataclass(frozen=True)
class HttpAnswer:
    """The status of an answer, and its body as text."""

    status: int
    text: str

    @property
    def is_json(self) -> bool:
        """Tell whether the body is JSON that can be stored."""
        return self._parsed()[0]

    @property
    def body(self) -> Any:
        """Return the body as JSON if it is JSON that can be stored, else as text."""
        return self._parsed()[1]

    def without(self, values: Iterable[str]) -> HttpAnswer:
        """Return the same answer with the secret `values` struck out."""
        secret = list(values)
        text = scrub(self.text, secret)
        is_json, body = self._parsed()
        if is_json:
            clean = scrub_json(body, secret)
            # The text may say more than its JSON: of two equal keys only the last counts.
            if clean != body or text != self.text:
                text = json.dumps(clean, ensure_ascii=False)
        return HttpAnswer(self.status, text)

    def _parsed(self) -> tuple[bool, Any]:
        try:
            body = json.loads(self.text.removeprefix("\ufeff"))
            return True, json_value(body, field="body", limit_bytes=sys.maxsize)
        except (ValueError, RecursionError, NotJson):
            return False, self.text


def unpacked(chunks: Iterable[bytes], coding: str, *, limit_bytes: int) -> bytes:
    """Return the body that comes in `chunks`, of which never more than the limit is unpacked.

    Plain bodies are asked for, and gzip is taken too. Raises AnswerTooLarge, and httpx.DecodingError
    for another `coding` and for what is not packed as it says.
    """
    codings = [each for each in (part.strip().lower() for part in coding.split(",")) if each]
    if [each for each in codings if each != "identity"] not in ([], ["gzip"], ["x-gzip"]):
        raise httpx.DecodingError(f"the body is packed as {coding:.100}, which was not asked for")
    unpacker = zlib.decompressobj(_GZIP) if {"gzip", "x-gzip"} & set(codings) else None
    body = bytearray()
    is_empty = True
    for chunk in chunks:
        is_empty = False
        body += chunk if unpacker is None else _inflated(unpacker, chunk, limit_bytes)
        if len(body) > limit_bytes:
            raise AnswerTooLarge(f"the answer has over {limit_bytes:,} bytes")
    if unpacker is not None and not unpacker.eof and not is_empty:
        raise httpx.DecodingError("the packed body breaks off")
    return bytes(body)


def _inflated(unpacker: Any, chunk: bytes, limit_bytes: int) -> bytes:
    try:
        # What is more stays packed: the answer is too large then.
        plain: bytes = unpacker.decompress(chunk, limit_bytes + 1)
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from None
    # All that follows would be kept there, without a limit.
    if unpacker.unused_data:
        raise httpx.DecodingError("the packed body goes on after its end")
    return plain


def decoded(body: bytes, encoding: str) -> str:
    """Return `body` as text that can be stored, whatever the outside system calls its encoding."""
    try:
        is_charset = codecs.lookup(encoding).name not in _NO_CHARSETS
        is_right = is_charset and not _is_mislabelled(body, encoding)
        text = body.decode(encoding if is_right else "utf-8", errors="replace")
    except (LookupError, ValueError):
        text = body.decode(errors="replace")
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()


def _is_mislabelled(body: bytes, encoding: str) -> bool:
    """Tell whether `body` is UTF-8 that is called UTF-16, say: no secret would be found in what that makes of it."""
    if _LETTERS.decode(encoding, errors="replace") == _LETTERS.decode():
        return False
    try:
        return "\x00" not in body.decode()
    except UnicodeDecodeError:
        return False
