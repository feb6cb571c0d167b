"""What belongs to a row, in both directions (P5): inputs, events, runs, outside effects and decisions, and how.

Of each kind so many are read and no more, in a number of queries that does not grow, so that the page of an input
that thousands came of costs no more than another. `trace` tells all of it, to any depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, Q

from workflows_app.models import (
    Event,
    EventInput,
    Input,
    Mutation,
    OperatorAction,
    Reservation,
    Run,
)
from workflows_app.queries import lineage

Key = tuple[str, int]
#: In the order in which one comes of the other.
KINDS: tuple[type[Model], ...] = (Input, Event, Run, Mutation, OperatorAction)


@dataclass(frozen=True)
class Story:
    """Rows of all kinds, the oldest first, and which came of which."""

    root: Any
    rows: list[Any]
    #: From what to what came of it.
    edges: list[tuple[Key, Key]]
    #: By kind: there are more than were read.
    is_cut: frozenset[str]


def key_of(row: Any) -> Key:
    """Return what names a row among rows of all kinds."""
    return (type(row).__name__, row.pk)


def story_of(root: Any) -> Story:
    """Return what belongs to an input, an event, a run or an outside effect. Twelve queries at most."""
    inputs, events, runs = _around(root)
    carried = [run.carried_mutation_id for run in runs if run.carried_mutation_id]
    effects: list[Mutation] = list(
        # With the parameters and the run: what is secret in them is struck out of the target.
        Mutation.objects.filter(Q(run__in=runs) | Q(pk__in=carried))
        .select_related("run")
        .defer("result")
        .order_by("pk")[: lineage.LIMIT]
    )
    decisions = OperatorAction.objects.filter(Q(run__in=runs) | Q(event__in=events))
    acted = list(decisions.order_by("pk")[: lineage.LIMIT])
    found: dict[type[Model], Sequence[Any]] = {
        Input: inputs, Event: events, Run: runs, Mutation: effects, OperatorAction: acted,
    }  # fmt: skip
    rows = [row for kind in KINDS for row in sorted(found[kind], key=lambda row: row.pk)]
    cut = [kind.__name__ for kind, listed in found.items() if len(listed) >= lineage.LIMIT]
    return Story(root, rows, _edges(found), frozenset(cut))


def happened_at(row: Any) -> datetime:
    """Return when a row came to be: when an event was published, a run began, a call went out."""
    at: datetime = (
        getattr(row, "started_at", None) or getattr(row, "sent_at", None) or row.created_at
    )
    return at


def _around(root: Any) -> tuple[list[Input], list[Event], list[Run]]:
    if isinstance(root, Input):
        return [root], list(lineage.events_of_input(root)), list(lineage.runs_of_input(root))
    if isinstance(root, Event):
        runs = list(lineage.runs_of_event(root))
        made = _published_by(runs)
        if root.created_by is not None:
            runs.append(root.created_by)
        return list(lineage.inputs_of_event(root)), _once([root, *made]), _once(runs)
    run: Run = root.run if isinstance(root, Mutation) else root
    # By one key each: together they would be looked for in all runs.
    before = Run.objects.filter(pk=run.retry_of_id) if run.retry_of_id else Run.objects.none()
    near = [*before, *Run.objects.filter(retry_of=run)]
    events = _once([*lineage.events_reserved_by(run), *lineage.events_published_by(run)])
    return list(lineage.inputs_of_run(run)), events, _once([run, *near])


def _published_by(runs: Iterable[Run]) -> list[Event]:
    published = Event.objects.filter(created_by__in=list(runs)).select_related("topic")
    return list(published.defer("payload").order_by("pk")[: lineage.LIMIT])


def _once(rows: Iterable[Any]) -> list[Any]:
    return list({row.pk: row for row in rows}.values())


def _edges(found: dict[type[Model], Sequence[Any]]) -> list[tuple[Key, Key]]:
    events = {event.pk for event in found[Event]}
    runs = {run.pk for run in found[Run]}
    causes = EventInput.objects.filter(event__in=events, input__in=[row.pk for row in found[Input]])
    took = Reservation.objects.filter(event__in=events, run__in=runs)
    of_runs = {
        event.pk: event.created_by_id for event in found[Event] if event.created_by_id in runs
    }
    edges: list[tuple[Key, Key]] = [
        # What a run published came of its input through that run.
        (("Input", cause), ("Event", event))
        for event, cause in causes.values_list("event", "input")
        if event not in of_runs
    ]
    edges += [(("Event", event), ("Run", run)) for event, run in took.values_list("event", "run")]
    edges += [(("Run", run), ("Event", event)) for event, run in of_runs.items()]
    edges += [
        (("Run", run.retry_of_id), ("Run", run.pk)) for run in found[Run] if run.retry_of_id in runs
    ]
    edges += [(("Run", effect.run_id), ("Mutation", effect.pk)) for effect in found[Mutation]]
    # Those that carry the effect of a run that is not in the story.
    others = {effect.pk for effect in found[Mutation] if effect.run_id not in runs}
    edges += [
        (("Mutation", run.carried_mutation_id), ("Run", run.pk))
        for run in found[Run]
        if run.carried_mutation_id in others
    ]
    for action in found[OperatorAction]:
        about = ("Run", action.run_id) if action.run_id else ("Event", action.event_id)
        edges.append((about, ("OperatorAction", action.pk)))
    return edges
