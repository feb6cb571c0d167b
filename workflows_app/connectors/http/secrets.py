"""Secrets by name: looked up when a call is made, and struck out of whatever is stored.

An outside system may send back what it got, as it is or in the escapes of its format. Whatever an
answer or an error says goes through here before it becomes a result or evidence.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from django.conf import settings

STRUCK_OUT = "[secret]"


@dataclass(frozen=True)
class Secret:
    """A value that is kept in the settings or the environment under `name`.

    `template` is put around it, as `Secret("BANK_TOKEN", "Bearer {}")`.
    """

    name: str
    template: str = "{}"

    def reveal(self) -> str:
        """Return the bare value. Raises LookupError if there is none."""
        value = getattr(settings, self.name, None) or os.environ.get(self.name)
        if not value:
            raise LookupError(f"the secret {self.name} is neither in the settings nor set outside")
        return str(value)

    def filled(self) -> str:
        """Return the value as it is sent."""
        return self.template.format(self.reveal())


def scrub(text: str, secrets: Iterable[Secret]) -> str:
    """Return `text` without the values of `secrets`, bare or escaped."""
    for value in _values(secrets):
        for form in _forms(value):
            # Escapes may be in upper or lower case, as %2F and %2f.
            text = re.sub(re.escape(form), STRUCK_OUT, text, flags=re.IGNORECASE)
    return text


def scrub_json(value: Any, secrets: Iterable[Secret]) -> Any:
    """Return a JSON value without the values of `secrets`, in keys too."""
    found = list(secrets)
    if isinstance(value, str):
        return scrub(value, found)
    if isinstance(value, dict):
        return {scrub(key, found): scrub_json(item, found) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub_json(item, found) for item in value]
    if isinstance(value, int | float) and str(value) in _values(found):
        return STRUCK_OUT
    return value


def _values(secrets: Iterable[Secret]) -> list[str]:
    values = []
    for secret in secrets:
        try:
            values.append(secret.reveal())
        except LookupError:
            continue
    return values


def _forms(value: str) -> list[str]:
    """Return how `value` may be written, the longest first: none is part of one that comes later."""
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
