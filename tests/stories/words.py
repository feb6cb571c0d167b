"""What is different in each run of a story, as words that are the same: instants, keys, names of workers."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

#: When each story begins.
BEGINNING = datetime(2030, 1, 1, 9, tzinfo=UTC)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d| UTC)", re.ASCII
)
_DAY_AND_TIME = re.compile(r"on \d{4}-\d\d-\d\d at \d\d:\d\d:\d\d [A-Z]+\b", re.ASCII)
_TIME = re.compile(r"at \d\d:\d\d:\d\d [A-Z]+\b", re.ASCII)
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_KEY = re.compile(r"\b[0-9a-f]{32}\b")
_HOLDER = re.compile(r"\b[0-9a-f-]{36}/pid:\[\d+\] \d+ \d+/\d+", re.ASCII)
_LONGEST = 2_500


class Words:
    """The words of one story: what comes again is called the same."""

    def __init__(self, known: dict[tuple[str, str], str] | None = None) -> None:
        self.known = dict(known or {})

    def plain(self, text: str) -> str:
        """Return `text` with instants as offsets, and keys, digests and workers as numbers."""
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]} … ({len(text):,} characters)"
        text = _HOLDER.sub(lambda found: self._named("worker", found[0]), text)
        text = _DIGEST.sub(lambda found: self._named("source", found[0]), text)
        text = _KEY.sub(lambda found: self._named("key", found[0]), text)
        text = _INSTANT.sub(lambda found: _as_offset(found[0]), text)
        text = _DAY_AND_TIME.sub("on that day at that time", text)
        return _TIME.sub("at that time", text)

    def _named(self, kind: str, found: str) -> str:
        number = sum(known == kind for known, _ in self.known) + 1
        return self.known.setdefault((kind, found), f"{kind} {number}")

    def value(self, value: Any) -> str:
        """Return a value of a row in a few characters."""
        if isinstance(value, str):
            plain = self.plain(value)
            return plain if plain and "\n" not in plain else repr(plain)
        return self.plain(json.dumps(value, sort_keys=True, ensure_ascii=False))


def _as_offset(text: str) -> str:
    moment = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    return offset((moment - BEGINNING).total_seconds())


def offset(seconds: float) -> str:
    """Return a time as an offset from the story's beginning: `+90s`, `+2h 30s`, `+1d`."""
    whole, sign = abs(seconds), "-" if seconds < 0 else "+"
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600)):
        if whole >= length:
            parts.append(f"{int(whole // length)}{unit}")
            whole %= length
    if whole or not parts:
        parts.append(f"{whole:g}s")
    return sign + " ".join(parts)


def as_in_rows(moment: datetime) -> str:
    """Return a moment as PostgreSQL writes it in JSON."""
    whole, _, rest = moment.isoformat(timespec="microseconds").partition(".")
    fraction = rest.partition("+")[0].rstrip("0")
    return f"{whole}.{fraction}+00:00" if fraction else f"{whole}+00:00"
