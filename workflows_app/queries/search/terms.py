"""What a person typed, as the index of words is asked for it.

A term has parts, apart by spaces, and all of them must be there. A part is words, or a number, which may be
written in more ways than one: "1,234.50", "1.234,50", "1234.5". "1,234" is both, since nobody can tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.utils.translation import gettext as _

from workflows_app.errors import WorkflowsError

#: The most characters that are searched for, and the most parts that count.
LONGEST = 200
MOST_PARTS = 8
#: A shorter word stands for itself alone, a longer one for those that begin with it, too.
PREFIX_FROM = 3
#: Account numbers are typed in groups, and stored without.
_COMPACT_FROM = 8
_MOST_DIGITS = 18

_SIGNS = "€$£¥+-"
_PLAIN = re.compile(r"(\d+)(?:[.,](\d+))?", re.ASCII)
_ENGLISH = re.compile(r"(\d{1,3}(?:[,'’]\d{3})+)(?:\.(\d+))?", re.ASCII)
_GERMAN = re.compile(r"(\d{1,3}(?:\.\d{3})+)(?:,(\d+))?", re.ASCII)


class NoTerm(WorkflowsError):
    """There is nothing in it that could be searched for."""


@dataclass(frozen=True)
class Part:
    """What must be there: one of its `readings`, each of which is words that must all be there."""

    text: str
    forms: tuple[str, ...]
    readings: tuple[tuple[str, ...], ...]
    numbers: frozenset[Decimal] = frozenset()

    def query(self, *, begins: bool) -> str:
        """Return it in PostgreSQL's words; with `begins` the last word of a reading may go on."""
        found = []
        for reading in self.readings:
            *others, last = map(_quoted, reading)
            goes_on = begins and len(reading[-1]) >= PREFIX_FROM
            found.append(" & ".join([*others, f"{last}:*" if goes_on else last]))
        return f"({' | '.join(f'({each})' for each in found)})"


@dataclass(frozen=True)
class Term:
    """All of what a person typed."""

    text: str
    parts: tuple[Part, ...]
    #: All parts as one, without the spaces.
    compact: Part | None = None

    def query(self, *, begins: bool = False) -> str:
        """Return it as text of a `tsquery`."""
        whole = " & ".join(part.query(begins=begins) for part in self.parts)
        if self.compact is None:
            return whole
        return f"({whole}) | {self.compact.query(begins=begins)}"

    @property
    def number(self) -> int | None:
        """Return it as the number of a row, if it can be one."""
        digits = self.text.removeprefix("#")
        fits = digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
        return int(digits) if fits else None


def term_of(typed: str) -> Term:
    """Return what `typed` asks for. Raises NoTerm, which says why. One query."""
    text = " ".join("".join(c if c.isprintable() else " " for c in typed).split())
    # What a page of the outside has cut.
    text = text.removesuffix("…")
    if not text:
        raise NoTerm(_("Type what you look for."))
    if len(text) > LONGEST:
        raise NoTerm(_("Search for %(number)s characters at most.") % {"number": LONGEST})
    pieces = [(piece, numbers_in(piece)) for piece in text.split()[:MOST_PARTS]]
    if len(pieces) > 1:
        # "1 234,50" is one number; "DE89 3704 0044" one account.
        pieces.append((text.replace(" ", ""), frozenset()))
    forms = [_forms(piece, numbers) for piece, numbers in pieces]
    words = iter(_words([form for each in forms for form in each]))
    parts = []
    for (piece, numbers), its_forms in zip(pieces, forms, strict=True):
        readings = dict.fromkeys(tuple(sorted(next(words))) for _ in its_forms)
        known = _needed([reading for reading in readings if reading])
        parts.append(Part(piece, its_forms, known, numbers))
    compact = parts.pop() if len(pieces) > 1 else None
    kept = tuple(part for part in parts if part.readings)
    if not kept:
        raise NoTerm(_("There is no word or number in “%(text)s”.") % {"text": text[:40]})
    is_one = compact is not None and len(compact.text) >= _COMPACT_FROM and compact.readings
    return Term(text, kept, compact if is_one else None)


def _needed(readings: list[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Leave out what asks for all that another reading asks for, and more."""
    return tuple(
        reading for reading in readings if not any(set(other) < set(reading) for other in readings)
    )


def numbers_in(piece: str) -> frozenset[Decimal]:
    """Return the numbers that `piece` may be: none, one, or two if nobody can tell."""
    digits = piece.strip(_SIGNS)
    found = set()
    for pattern in (_PLAIN, _ENGLISH, _GERMAN):
        match = pattern.fullmatch(digits)
        if match and len(digits) <= _MOST_DIGITS:
            whole = re.sub(r"\D", "", match[1])
            found.add(Decimal(f"{whole}.{match[2] or 0}"))
    return frozenset(found)


def _forms(piece: str, numbers: frozenset[Decimal]) -> tuple[str, ...]:
    """Return how the numbers may be written, as typed first."""
    forms = [piece]
    for number in sorted(numbers):
        least = -int(number.normalize().as_tuple().exponent)
        for places in sorted({max(least, 0), max(least, 1), max(least, 2)}):
            english = f"{number:,.{places}f}"
            german = english.translate(str.maketrans(",.", ".,"))
            forms += [f"{number:.{places}f}", f"{number:.{places}f}".replace(".", ",")]
            forms += [english, german] if number >= 1000 else []
    return tuple(dict.fromkeys(forms))


def _words(texts: list[str]) -> list[list[str]]:
    """Return the words of each text, as the index has them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tsvector_to_array(workflows_words(text))"
            " FROM unnest(%s::text[]) WITH ORDINALITY AS given(text, place) ORDER BY place",
            [texts],
        )
        return [words for (words,) in cursor.fetchall()]


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
