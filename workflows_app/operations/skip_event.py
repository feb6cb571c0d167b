"""Skip event: a person excludes a pending event from processing, for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app.engine import pending
from workflows_app.engine.lanes import refresh_now
from workflows_app.engine.retry import only_next_is_missing, owe_nothing
from workflows_app.models import Event, OperatorAction, Run, Topic
from workflows_app.operations.base import Decision, deciding
from workflows_app.operations.declaration import Change, Operation
from workflows_app.operations.refusals import Refusal
from workflows_app.operations.seen import require_payload_seen
from workflows_app.operations.skip_run import GIVEN_UP


def skip_event(event: Event, *, actor: Any, reason: str, seen: Any = None) -> OperatorAction:
    """Mark a pending event `skipped`: never reserved again, still visible.

    Waits for an application that is publishing it again; the workflow is not held meanwhile.
    `seen`: what the person was shown of it (`operations.seen`). Refuses with `not_pending`, `stale` (it has
    another payload now), `permission_denied`, `reason_required`, `unknown_actor`.
    """
    while True:
        workflow_id = event.topic.workflow_id
        with deciding(SKIP_EVENT, workflow_id, actor=actor, reason=reason) as decision:
            found = _locked(event, skip_locked=True)
            if found is not None:
                return _skip(found, decision, seen)
            transaction.set_rollback(True)
        with transaction.atomic():
            _locked(event)
            # The workflow's lock comes first: this was for waiting only.
            transaction.set_rollback(True)


def _locked(event: Event, *, skip_locked: bool = False) -> Event | None:
    """Return `event` as it is now, locked; with `skip_locked` nothing if somebody changes it."""
    events = Event.objects.select_for_update(no_key=True, skip_locked=skip_locked)
    return events.filter(pk=event.pk).first()


def _skip(event: Event, decision: Decision, seen: Any) -> OperatorAction:
    SKIP_EVENT.require(event, decision.actor)
    require_payload_seen(event, seen, actor=decision.actor)
    event.skip()
    decision.save(event, ["status", "reserved_by"])
    _free_failed_run(event, decision)
    return decision.record(event=event)


def _free_failed_run(event: Event, decision: Decision) -> None:
    """A retry that is owed for events which have all been skipped is owed no more: the lane goes on.

    A run that failed before it reserved anything was about the event that comes first in its lane.
    """
    was_about = Q(reservations__event=event) | Q(
        reservations=None, lane=event.lane, handler=event.topic.consumer
    )
    owing = Run.objects.filter(was_about, workflow=decision.workflow, owes_retry=True)
    for run in owing.select_related("mutation", "carried_mutation"):
        if only_next_is_missing(run) or _has_something_left(run, event):
            continue
        owe_nothing(run, reason=decision.reason, actor=decision.actor)
        # The event may have gone to another lane since.
        refresh_now((run.workflow_id, run.lane))


def _has_something_left(run: Run, skipped: Event) -> bool:
    """Tell whether `run` is owed for more than the event that was skipped."""
    reserved = Event.objects.filter(reservations__run=run)
    if reserved.exists():
        return reserved.exclude(status=Event.Status.SKIPPED).exists()
    topics = Topic.objects.filter(consumer=run.handler_id).values_list("pk", flat=True)
    first = pending.oldest((topic, run.lane, 1) for topic in topics).read()
    return any(event.pk < skipped.pk for event in first)


def _held_by_a_run(event: Event) -> Refusal | None:
    if not event.reserved_by_id:
        return None
    sentence = _(
        "Event %(event)s can't be skipped: it is no longer pending but reserved by run %(run)s."
    )
    told = {"event": event.message_id, "run": event.reserved_by_id}
    return Refusal("not_pending", sentence % told)


def _reasons(event: Event) -> Sequence[str]:
    rejected = Run.objects.filter(reservations__event=event, failure_kind=Run.FailureKind.REJECTED)
    return reasons(was_refused=rejected.filter(owes_retry=True).exists())


def reasons(*, was_refused: bool) -> Sequence[str]:
    """Return what people often say why events are skipped; `was_refused`: by the outside system, for good."""
    refused = [_("The outside system refused it for good.")] if was_refused else []
    return [*refused, _("It is no longer wanted."), _("It is settled in another way.")]


SKIP_EVENT = Operation(
    code=OperatorAction.Operation.SKIP_EVENT,
    function=skip_event,
    target=Event,
    refuses=(
        "not_pending",
        gettext_lazy("Event %(row)s can't be skipped: it is no longer pending but %(status)s."),
    ),
    other_refusal=_held_by_a_run,
    change=Change((Event.Status.PENDING,), Event.Status.SKIPPED),
    icon="skip_next",
    weight="warning",
    hint=gettext_lazy("It shall never be processed."),
    offered_reasons=_reasons,
    consequence=gettext_lazy(
        "No run will ever take this event, in this version and every repair of it. It stays visible here."
    ),
    warning=gettext_lazy(
        "What it asks for is never done, and nothing follows. This can't be undone."
    ),
    done=gettext_lazy("the event is skipped."),
    tick_for_many=GIVEN_UP,
    carries_seen=True,
)
