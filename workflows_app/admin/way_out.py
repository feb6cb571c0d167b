"""The way out of a failed run, on its own page: all that it was about is skipped, with one press and one reason.

It is no operation of its own: each event is skipped by Skip event, and has its own decision (P4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app.admin.buttons import Button
from workflows_app.admin.seeing import seen as seen_by_person
from workflows_app.admin.ticks import is_given_up
from workflows_app.admin.what_follows import never_follows
from workflows_app.engine.retry import can_be_given_up
from workflows_app.errors import OperationRefused
from workflows_app.models import Event, Run
from workflows_app.operations.seen import require_seen, seen_now
from workflows_app.operations.skip_event import SKIP_EVENT, reasons, skip_event
from workflows_app.queries import lineage
from workflows_app.queries.explanation import suspects_of


def events_to_skip(run: Run) -> list[Event]:
    """Return the pending events that `run` is still owed for; none if its outside effect was made.

    A run that ended before it took any is about the one that comes first in its lane.
    """
    if not can_be_given_up(run):
        return []
    reserved = list(lineage.events_reserved_by(run).select_related("topic__workflow"))
    about = reserved or suspects_of(run)[:1]
    return [event for event in about if event.status == Event.Status.PENDING]


def seen_with_events(runs: Sequence[Run]) -> dict[int, str]:
    """Return what is to be seen now of `runs`, and of each event that each is about: `e17-d3 4711:r2`."""
    of_runs = seen_now(runs)
    shown = {}
    for run in runs:
        events = events_to_skip(run)
        told = [f"{pk}:{seen}" for pk, seen in seen_now(events).items()]
        shown[run.pk] = " ".join([str(of_runs[run.pk]), *told])
    return shown


def skip_events_of_run(run: Run, *, actor: Any, reason: str, seen: str | None = None) -> None:
    """Skip what the failed `run` is about, event by event. `seen`: as `seen_with_events` tells it.

    Raises OperationRefused as `skip_event` does, with how many were skipped before; with `stale` if the run is
    about other events, or something is known of it, that was not shown; with `not_pending` if nothing is left.
    """
    run = Run.objects.select_related("mutation", "carried_mutation").get(pk=run.pk)
    events = events_to_skip(run)
    if not events:
        raise OperationRefused(
            "not_pending",
            _("Run %(run)s is about no pending event any more: look at its page again.")
            % {"run": run.pk},
        )
    of_events = _read(run, events, seen, actor)
    for done, event in enumerate(events):
        try:
            skip_event(event, actor=actor, reason=reason, seen=of_events.get(event.pk))
        except OperationRefused as refusal:
            before = _("%(done)s of %(number)s events are skipped.") % {
                "done": done,
                "number": len(events),
            }
            told = f"{before} {refusal}" if done else str(refusal)
            raise OperationRefused(refusal.code, told) from None


def _read(run: Run, events: list[Event], seen: str | None, actor: Any) -> dict[int, str]:
    """Return what was seen of each of `events`; refuse if it was something else. Nothing is compared with None."""
    if seen is None:
        return {}
    of_run, *told = seen.split() or [""]
    require_seen(run, of_run, actor=actor)
    of_events = {pk: shown for pk, _, shown in (each.partition(":") for each in told)}
    if set(of_events) != {str(event.pk) for event in events}:
        raise OperationRefused(
            "stale",
            _("Run %(run)s is about other events than you saw. Nothing was decided: look again.")
            % {"run": run.pk},
        )
    return {event.pk: of_events[str(event.pk)] for event in events}


def _details_of(runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [
        {"skipped": list(seen_by_person(Event, _in_full(run))), "never": never_follows(run)}
        for run in runs
    ]


def _in_full(run: Run) -> list[Event]:
    """Return `events_to_skip` with their payloads."""
    keys = [event.pk for event in events_to_skip(run)]
    found = Event.objects.select_related("topic__workflow").in_bulk(keys)
    return [found[key] for key in keys if key in found]


SKIP_EVENTS = Button(
    **{
        **vars(SKIP_EVENT),
        "function": skip_events_of_run,
        "target": Run,
        "weight": "default",
        "other_refusal": lambda run: None,
        "change": None,
        "is_of_use": lambda run: bool(events_to_skip(run)),
        "offered_reasons": lambda run: reasons(
            was_refused=run.failure_kind == Run.FailureKind.REJECTED
        ),
        "hint": gettext_lazy(
            "If it shall not be done at all. What it was about is skipped for good, and its lane goes on."
        ),
        "consequence": gettext_lazy(
            "No run will ever take what it was about, in this version and every repair of it. That stays"
            " visible. The lane goes on with what comes next."
        ),
        "done": gettext_lazy("what it was about is skipped, and its lane goes on."),
        # Of many runs at once the list of events is the place: it is read in one go.
        "is_for_many": False,
    },
    details="workflows_app/dialog_events.html",
    details_of=_details_of,
    seen_of=seen_with_events,
    tick=is_given_up,
)
