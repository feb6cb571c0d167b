"""Finding rows of five kinds by what a person typed, each in bounded time.

The index of words gives candidates, the newest first; what they show says whether and why they fit
(`hits`). So nobody finds a row by a value that is masked for them. A run is also found by the events that it
took, and an effect by its run: the value that a person knows stands in the payload.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import Error, transaction
from django.db.models import Func, Model, Q, QuerySet, Value
from django.db.models.fields import BooleanField

from workflows_app.masking import Names, shown
from workflows_app.models import (
    Event,
    EventWords,
    Input,
    Mutation,
    OperatorAction,
    Reservation,
    Run,
)
from workflows_app.models.words import Values, Words
from workflows_app.outages import sqlstate_of
from workflows_app.queries.search.bounds import bounded, newest
from workflows_app.queries.search.hits import Hit, hit_of
from workflows_app.queries.search.terms import Term
from workflows_app.statement_limits import STOPPED

#: How many candidates of a kind are looked at, and how many hits are told.
CANDIDATES = 100
TOLD = 10
#: So many characters of an idempotency key are its beginning; fewer are that of many.
KEY_FROM = 6

Found = dict[int, str]
MaySee = Callable[[type[Model]], bool]


@dataclass(frozen=True)
class Group:
    """What was found of one kind, best first; `has_more` than are told; `is_too_much` to be looked at."""

    model: type[Model]
    hits: list[Hit]
    has_more: bool = False
    is_too_much: bool = False


def matching(column: Any, term: Term, *, begins: bool = True) -> Any:
    """Return the condition that words have all of `term`."""
    return _Matches(column, Value(term.query(begins=begins)))


def matches(model: type[Model], term: Term, *, begins: bool = True) -> Q:
    """Return the condition by which rows of `model`, but for events, are found in their index of words."""
    words = _WORDS[model]
    found = Q(matching(words, term, begins=begins))
    return found & Q(status__in=model.FOUND) if hasattr(model, "FOUND") else found


def with_words(model: type[Model], term: Term, *, begins: bool = True) -> QuerySet[Any]:
    """Return the rows of `model` that the index has for `term`: of events, those of their words, with their keys."""
    if model is Event:
        return EventWords.objects.filter(matching("words", term, begins=begins))
    return model._default_manager.filter(matches(model, term, begins=begins))


def by_key(term: Term) -> Q:
    """Return the condition by which effects are found by their idempotency key, or by the beginning of it."""
    typed = {term.text, term.text.lower()}
    found = Q(idempotency_key__in=typed)
    if len(term.text) >= KEY_FROM:
        for text in typed:
            found |= Q(idempotency_key__startswith=text)
    return found


def find(term: Term, *, may_see: MaySee, names: Names, told: int = TOLD) -> list[Group]:
    """Return what `term` finds of each kind that the person may see. `names` are masked for them.

    A constant number of queries, each of which ends.
    """
    groups = []
    with bounded():
        events, of_events = _look(lambda: _events(term, names) if may_see(Event) else [])
        if may_see(Input):
            inputs, too_much = _look(lambda: _own(Input, term, names))
            groups.append(_group(Input, inputs, told, too_much))
        if may_see(Event):
            groups.append(_group(Event, events, told, of_events))
        runs, of_runs = _look(lambda: _runs(term, names, events))
        if may_see(Run):
            groups.append(_group(Run, runs, told, of_runs))
        if may_see(Mutation):
            effects, too_much = _look(lambda: _effects(term, names, runs))
            groups.append(_group(Mutation, effects, told, too_much))
        if may_see(OperatorAction):
            decisions, too_much = _look(lambda: _own(OperatorAction, term, names))
            groups.append(_group(OperatorAction, decisions, told, too_much))
    return groups


_WORDS: dict[type[Model], Words] = {
    Input: Words("title", "external_id"),
    Run: Words("title"),
    Mutation: Words("target", Values("params"), Values("result")),
    OperatorAction: Words("actor_name", "reason"),
}
_READS: dict[type[Model], tuple[str, ...]] = {
    Input: ("workflow",),
    Event: ("topic__workflow",),
    Run: ("workflow", "handler", "mutation", "carried_mutation"),
    Mutation: ("run__workflow",),
    OperatorAction: ("workflow", "event", "run__mutation", "run__carried_mutation"),
}


def reads_of(model: type[Model]) -> tuple[str, ...]:
    """Return the relations that are read with the rows of `model`."""
    return _READS[model]


class _Matches(Func):
    template = "(%(expressions)s::tsquery)"
    arg_joiner = " @@ "
    output_field = BooleanField()
    conditional = True


def _own(model: type[Model], term: Term, names: Names) -> list[Hit]:
    """Return the rows that have the term themselves: those with just these words, then longer ones."""
    found = newest(with_words(model, term, begins=False), CANDIDATES)
    if len(found) < CANDIDATES:
        longer = newest(with_words(model, term), CANDIDATES)
        known = set(found)
        found += [pk for pk in longer if pk not in known]
    return _hits(_rows(model, found[:CANDIDATES]), term, names)


def _events(term: Term, names: Names) -> list[Hit]:
    return _own(Event, term, names)


def _runs(term: Term, names: Names, events: list[Hit]) -> list[Hit]:
    """Return runs by their number, by their title, and by what they took."""
    hits = {hit.row.pk: hit for hit in _own(Run, term, names)}
    if term.number is not None:
        hits |= {hit.row.pk: hit for hit in _hits(_rows(Run, [term.number]), term, names)}
    taken = Reservation.objects.filter(event__in=[hit.row.pk for hit in events])
    why = {hit.row.pk: hit for hit in events}
    pairs = taken.order_by("-pk").values_list("run_id", "event_id")[:CANDIDATES]
    through = {run: why[event] for run, event in pairs if run not in hits}
    for run in _rows(Run, through):
        hits[run.pk] = replace(through[run.pk], row=shown(run, names))
    return list(hits.values())


def _effects(term: Term, names: Names, runs: list[Hit]) -> list[Hit]:
    """Return effects by their key, by their words, and by their runs."""
    keys = Mutation.objects.filter(by_key(term)).order_by("-pk")
    of_key = list(keys.values_list("pk", flat=True)[:CANDIDATES])
    hits = {hit.row.pk: hit for hit in _hits(_rows(Mutation, of_key), term, names)}
    hits |= {hit.row.pk: hit for hit in _own(Mutation, term, names) if hit.row.pk not in hits}
    of_runs = {hit.row.pk: hit for hit in runs}
    rows = Mutation.objects.filter(run__in=of_runs).select_related(*_READS[Mutation])
    for effect in rows:
        if effect.pk not in hits:
            hits[effect.pk] = replace(of_runs[effect.run_id], row=shown(effect, names))
    return list(hits.values())


def _rows(model: type[Model], keys: Iterable[int]) -> list[Any]:
    wanted = list(keys)
    if not wanted:
        return []
    rows = model._default_manager.filter(pk__in=wanted)
    return list(rows.select_related(*_READS[model]))


def _hits(rows: Iterable[Any], term: Term, names: Names) -> list[Hit]:
    found = (hit_of(row, term, names) for row in rows)
    return [hit for hit in found if hit is not None]


def _group(model: type[Model], hits: list[Hit], told: int, too_much: bool) -> Group:
    best = sorted(hits, key=lambda hit: (-hit.fit, -hit.row.pk))
    return Group(model, best[:told], len(best) > told, too_much)


def _look(look: Callable[[], list[Hit]]) -> tuple[list[Hit], bool]:
    """Return what was found, and whether the database was stopped."""
    try:
        with transaction.atomic():
            return look(), False
    except Error as error:
        if sqlstate_of(error) != STOPPED:
            raise
        return [], True
