"""Secrets by name: looked up when a call is made, and struck out of whatever is stored or logged.

Whatever authors' code and outside systems say in an answer or an error goes through `struck_out` before it becomes
a result, evidence, a failure or a line of the log, with the values of all secrets that the code names, whichever
call they are for.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

from workflows_app.errors import DefinitionError
from workflows_app.scrubbing import scrub, scrub_json

#: A shorter value stands in answers by chance: striking it out would spoil them.
MIN_LENGTH = 8
_SAMPLE = "s" * MIN_LENGTH
#: The names of all secrets that the code has. A `Secret` that a thread makes for a call adds one at any time.
_names: set[str] = set()
#: An environment, and the passwords of proxies in it.
_seen: tuple[dict[bytes, bytes], list[str]] = ({}, [])


@dataclass(frozen=True)
class Secret:
    """A value that is kept in the settings or the environment under `name`.

    `template` is put around it, as `Secret("BANK_TOKEN", "Bearer {}")`. It may stand for a header's
    value, and for any text in the body.
    """

    name: str
    template: str = "{}"

    def __post_init__(self) -> None:
        """Raise DefinitionError for a template that has no place for the value: it would be sent without."""
        try:
            is_right = _SAMPLE in self.template.format(_SAMPLE)
        except (AttributeError, LookupError, ValueError):
            is_right = False
        if not is_right:
            raise DefinitionError(
                f"Secret({self.name!r}, {self.template!r}): the template needs one {{}} for the value, as"
                " 'Bearer {}'."
            )
        _names.add(self.name)

    def __format__(self, spec: str) -> str:
        """Raise TypeError: a text around the name, as in an f-string, would be sent without the value."""
        raise TypeError(f"a Secret is no text: write Secret('{self.name}', 'Bearer {{}}'), say")

    def reveal(self) -> str:
        """Return the bare value. Raises LookupError if there is none, ValueError if it is too short."""
        value = _value(self.name)
        if not value:
            raise LookupError(f"the secret {self.name} is neither in the settings nor set outside")
        if len(value) < MIN_LENGTH:
            raise ValueError(too_short(self.name))
        return value

    def filled(self) -> str:
        """Return the value as it is sent."""
        return self.template.format(self.reveal())


def filled_in(body: Any) -> Any:
    """Return `body` with the values of the secrets in it, as it is sent."""
    if isinstance(body, Secret):
        return body.filled()
    if isinstance(body, dict):
        return {key: filled_in(item) for key, item in body.items()}
    if isinstance(body, list | tuple):
        return [filled_in(item) for item in body]
    return body


def struck_out(text: str) -> str:
    """Return `text` without the values of all known secrets."""
    return scrub(text, known_values())


def struck_out_of(value: Any) -> Any:
    """Return a JSON value without the values of all known secrets."""
    values = known_values()
    return scrub_json(value, values) if values else value


class SecretsFilter(logging.Filter):
    """Strikes secrets out of warnings and errors, and of the tracebacks that come with them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or not (values := known_values()):
            return True
        said = record.getMessage()
        if (clean := scrub(said, values)) != said:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            # What a formatter finds here it takes for the traceback.
            where = logging.Formatter().formatException(record.exc_info)
            record.exc_text = scrub(where, values)
        return True


def known_values() -> list[str]:
    """Return what must never be stored: all secrets that the code names, and passwords of proxies."""
    values = [_value(name) for name in tuple(_names)]
    values += [plain for value in values for plain in _unpacked(value)]
    values += [misread for value in values if not value.isascii() for misread in _misread(value)]
    values += _of_proxies()
    return [value for value in values if len(value) >= MIN_LENGTH]


def names_of_short_ones() -> list[str]:
    """Return the names of the secrets that have a value which is too short."""
    return sorted(name for name in tuple(_names) if 0 < len(_value(name)) < MIN_LENGTH)


def names_of_missing_ones() -> list[str]:
    """Return the names of the secrets that have no value here."""
    return sorted(name for name in tuple(_names) if not _value(name))


def too_short(name: str) -> str:
    """Return what is wrong with the secret of this name."""
    return (
        f"the secret {name} has fewer than {MIN_LENGTH} characters: it can't be struck out of"
        f" answers without harm to them"
    )


def _value(name: str) -> str:
    return str(getattr(settings, name, None) or os.environ.get(name) or "")


def _password(address: str) -> str:
    try:
        return unquote(urlsplit(address).password or "")
    except ValueError:
        return ""  # No address: nothing will be sent to it.


def _of_proxies() -> list[str]:
    """Return the passwords of proxies, which `getproxies` finds whatever the case of their names.

    They are looked for again when the environment has changed: to read all its names takes long, for each answer.
    """
    global _seen
    kept: dict[bytes, bytes] = os.environ._data  # type: ignore[attr-defined]  # to compare it as it is kept is quick
    before, passwords = _seen
    if kept != before:
        found = [kept[name] for name in kept if name[-6:].lower() == b"_proxy"]
        passwords = [_password(os.fsdecode(address)) for address in found]
        _seen = (dict(kept), passwords)
    return passwords


def _unpacked(value: str) -> list[str]:
    """Return what a value says that is packed as name and password, and the password alone."""
    try:
        plain = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return []
    _, colon, password = plain.partition(":")
    return [plain, password] if colon and plain.isprintable() else []


def _misread(value: str) -> list[str]:
    """Return what becomes of letters beyond ASCII if somebody takes an encoding for another, or lacks them."""
    right = value.encode(errors="surrogateescape")
    return [
        right.decode("latin-1"),
        right.decode("cp1252", errors="replace"),
        value.encode("latin-1", errors="replace").decode(errors="replace"),
        value.encode("ascii", errors="replace").decode(),
    ]
