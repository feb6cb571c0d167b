"""Why a row was found: which of its values has what was typed, as far as the person may see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from workflows_app.masking import Names, shown
from workflows_app.models import Event, Input, Mutation, OperatorAction, Run
from workflows_app.queries.search.terms import PREFIX_FROM, Part, Term, numbers_in

#: How well a row fits: a whole value, the term in one piece, or its parts.
WHOLE, TOGETHER, APART = 3, 2, 1
_SHOWN_LENGTH = 120

Field = tuple[str, str]


@dataclass(frozen=True)
class Hit:
    """One row that was found; `why` is the name of the value and the value, as "supplier: ACME"."""

    row: Any
    why: str
    fit: int


def hit_of(row: Any, term: Term, names: Names) -> Hit | None:
    """Return why `row` is found by `term`, or None if nothing has it that it shows with `names` masked."""
    row = shown(row, names)
    best: tuple[int, str] | None = None
    missing = {part.text: part for part in term.parts}
    seen = []
    for name, text in fields_of(row):
        fit = _fit(text, term)
        if fit and (best is None or fit > best[0]):
            best = (fit, _told(name, text))
        here = [part.text for part in missing.values() if _has(text, part)]
        if here:
            seen.append(_told(name, text))
        for found in here:
            del missing[found]
    if best is not None:
        return Hit(row, best[1], best[0])
    return None if missing else Hit(row, "; ".join(seen[:3]), APART)


def fields_of(row: Any) -> Iterator[Field]:
    """Yield the values by which `row` is found, the most telling first."""
    if isinstance(row, Input):
        yield _("external id"), row.external_id
        yield _("title"), row.title
    elif isinstance(row, Event):
        yield _("message id"), row.message_id
        yield from _leaves(row.payload, "")
        yield _("lane"), row.lane or ""
    elif isinstance(row, Run):
        yield _("run"), str(row.pk)
        yield _("title"), row.title
    elif isinstance(row, Mutation):
        yield _("idempotency key"), row.idempotency_key
        yield from _leaves(row.params, "")
        yield from _leaves(row.result, "")
        yield _("target"), row.target
    elif isinstance(row, OperatorAction):
        yield _("person"), row.actor_name
        yield _("reason"), row.reason


def _leaves(value: Any, name: str) -> Iterator[Field]:
    """Yield the texts and numbers of a JSON value with the names that lead there."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{name} {key}".strip())
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, name)
    elif value is not None and not isinstance(value, bool):
        yield name or _("payload"), str(value)


def _fit(text: str, term: Term) -> int:
    plain, sought = text.casefold(), term.text.casefold()
    if plain == sought or (term.compact and plain == term.compact.text.casefold()):
        return WHOLE
    if len(term.parts) == 1:
        (part,) = term.parts
        if part.numbers and part.numbers & numbers_in(text.strip()):
            return WHOLE
        return TOGETHER if _has(text, part) else 0
    compact = term.compact is not None and _has(text, term.compact)
    return TOGETHER if compact or sought in plain else 0


def _has(text: str, part: Part) -> bool:
    plain = text.casefold()
    if part.numbers:
        return any(_number(form).search(plain) for form in part.forms)
    if part.text.casefold() in plain:
        return True
    return any(all(word in plain for word in reading) for reading in part.readings)


def _number(form: str) -> re.Pattern[str]:
    """Return what finds a number, and not the beginning or the end of another one.

    Three digits and more may go on: as the beginning of a longer number they are looked for, too.
    """
    begins = form.isdecimal() and len(form) >= PREFIX_FROM
    end = "" if begins else r"(?!\d)(?![.,]\d)"
    return re.compile(rf"(?<!\d)(?<!\d[.,]){re.escape(form.casefold())}{end}")


def _told(name: str, text: str) -> str:
    short = text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"
    return f"{name}: {short}"
