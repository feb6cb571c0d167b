"""Recording a version of a workflow's code and making it active (P6).

Activating changes no event and settles no unknown outcome. It makes owed retries that waited for
other code due now, and wakes the workflow.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction

from workflows_app import registry
from workflows_app.engine.claims import lock_workflow
from workflows_app.engine.lanes import refresh_now
from workflows_app.engine.log import logger, say
from workflows_app.engine.retry import only_next_is_missing
from workflows_app.errors import SyncRefused
from workflows_app.models import (
    MAIN_LANE,
    Arrival,
    Event,
    Handler,
    LaneRefusal,
    LaneState,
    Lease,
    Mutation,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
)
from workflows_app.models.saving import collected, save_with_history
from workflows_app.sdk.handlers import Producer
from workflows_app.sdk.lanes import lane_of
from workflows_app.sdk.workflow import Workflow as WorkflowCode
from workflows_app.waking import wake_at

Kind = WorkflowVersion.Kind


@dataclass(frozen=True)
class SyncResult:
    """What was done for one workflow.

    `outcome` is `created`, `repaired`, `replanned`, `rolled_back`, `unchanged`, or with DEBUG `edited`:
    the same version with other code.
    """

    slug: str
    version: str
    outcome: str


def sync(
    code: type[WorkflowCode],
    *,
    actor: User | None = None,
    note: str = "",
    rollback: bool = False,
    accept_orphans: bool = False,
    now: datetime | None = None,
) -> SyncResult:
    """Record the version of `code` and make it active, in one transaction. Raises SyncRefused."""
    with transaction.atomic():
        workflow = _ensure(code)
        now = now or workflow.lease.seen_at
        active = workflow.active_version
        outcome = _outcome(code, active, rollback=rollback, note=note)
        if outcome == "unchanged":
            return SyncResult(code.slug, code.version, outcome)
        # Of what was never active nothing can be unfinished.
        if active is not None and not accept_orphans:
            _refuse_orphans(code, workflow)
        version = _record(code, workflow, active, outcome, actor=actor, note=note)
        reason = f"version {version} active ({outcome})" + (f": {note}" if note else "")
        workflow.active_version = version
        workflow.title = code.title
        save_with_history(workflow, reason=reason, actor=actor, fields=["active_version", "title"])
        _sync_handlers(code, workflow, now)
        _name_lanes_anew(code, workflow, reason=reason, actor=actor)
        _let_all_look(workflow)
        if active is not None:
            _drop_owed_retries_without_handler(code, workflow, reason=reason, actor=actor)
            _make_owed_retries_due(workflow, reason=reason, actor=actor, now=now)
        wake_at(workflow.pk, due_at=now)
        told = "workflow.synced workflow=%s version=%s outcome=%s"
        say(logging.INFO, told, code.slug, version, outcome)
        return SyncResult(code.slug, code.version, outcome)


def _ensure(code: type[WorkflowCode]) -> Workflow:
    workflow, made = Workflow.objects.get_or_create(slug=code.slug, defaults={"title": code.title})
    if made:
        Lease.objects.create(workflow=workflow)
    return lock_workflow(workflow.pk)


def _outcome(
    code: type[WorkflowCode], active: WorkflowVersion | None, *, rollback: bool, note: str
) -> str:
    if active is None:
        return "created"
    here = code.version_pair()
    if here == active.pair:
        if active.source_digest == registry.source_digest(code):
            return "unchanged"
        sentence = (
            f"{code.slug}: version {code.version} is active with other code. Raise the version: "
            f"minor for a repair, major for a re-plan."
        )
        if not settings.DEBUG:
            raise SyncRefused("same_version_other_code", sentence)
        logger.warning("%s (accepted, because of DEBUG)", sentence)
        return "edited"
    if here > active.pair:
        return "replanned" if here[0] > active.major else "repaired"
    if not rollback:
        raise SyncRefused(
            "lower_version",
            f"{code.slug}: the code has version {code.version}, but {active} is active. To go back, "
            f"use --rollback with a reason.",
        )
    if not note.strip():
        raise SyncRefused("reason_required", f"{code.slug}: --rollback needs a reason.")
    return "rolled_back"


def _refuse_orphans(code: type[WorkflowCode], workflow: Workflow) -> None:
    """Refuse a version that leaves pending events without a consumer, or a run without its handler."""
    problems = []
    for topic in workflow.topics.exclude(consumer=None):
        if code.consumer_of(topic.name) is None:
            count = topic.events.filter(status=Event.Status.PENDING).count()
            if count:
                problems.append(f"topic '{topic.name}' has {count:,} pending event(s)")
    names = [handler.handler_name() for handler in code.handlers()]
    unfinished = workflow.runs.filter(status__in=Run.OPEN) | workflow.runs.filter(owes_retry=True)
    problems += [
        f"run {run.pk} of '{run.handler.name}' is {run.status}"
        for run in unfinished.exclude(handler__name__in=names).select_related("handler")
    ]
    problems += _orphaned_mutators(code, workflow)
    problems += _orphaned_producers(code, workflow)
    if problems:
        raise SyncRefused(
            "orphans",
            f"{code.slug} {code.version} lacks what is still needed: {'; '.join(problems)}. Keep it"
            f" until that is done, or use --accept-orphans.",
        )


def _orphaned_mutators(code: type[WorkflowCode], workflow: Workflow) -> list[str]:
    """Say of which effects nobody knows whether they happened, and the code could not ask any more."""
    names = [mutator.name for mutator in code.mutators]
    unsettled = Mutation.objects.filter(run__workflow=workflow, status__in=Mutation.UNKNOWN)
    counts = Counter(unsettled.exclude(mutator__in=names).values_list("mutator", flat=True))
    return [
        f"mutator '{name}' has {count:,} effect(s) with an unknown outcome"
        for name, count in sorted(counts.items())
    ]


def _orphaned_producers(code: type[WorkflowCode], workflow: Workflow) -> list[str]:
    """Say which producers have read up to somewhere, and would begin anew under another name."""
    names = [producer.handler_name() for producer in code.producers]
    states = LaneState.objects.filter(
        handler__workflow=workflow,
        handler__kind=Handler.Kind.PRODUCER,
        handler__is_current=True,
        state__isnull=False,
    )
    return [
        f"producer '{name}' has a state, from where it goes on"
        for name in states.exclude(handler__name__in=names).values_list("handler__name", flat=True)
    ]


def _record(
    code: type[WorkflowCode],
    workflow: Workflow,
    active: WorkflowVersion | None,
    outcome: str,
    *,
    actor: User | None,
    note: str,
) -> WorkflowVersion:
    major, minor = code.version_pair()
    digest = registry.source_digest(code)
    known = WorkflowVersion.objects.filter(workflow=workflow, major=major, minor=minor).first()
    if known is not None:
        if known.source_digest != digest:
            if not settings.DEBUG:
                raise SyncRefused(
                    "same_version_other_code",
                    f"{code.slug}: version {code.version} is known with other code. Raise the"
                    f" version.",
                )
            known.source_digest = digest
            save_with_history(known, reason="other code, with DEBUG", actor=actor)
        return known
    # A version that was never deployed may be lower than the active one: compare with the best known.
    kinds = {"created": Kind.INITIAL, "repaired": Kind.REPAIR, "replanned": Kind.REPLAN}
    same_major = WorkflowVersion.objects.filter(workflow=workflow, major=major).exists()
    kind = kinds.get(outcome, Kind.REPAIR if same_major else Kind.REPLAN)
    version = WorkflowVersion(
        workflow=workflow,
        major=major,
        minor=minor,
        kind=kind.value,
        source_digest=digest,
        note=note,
        actor=actor,
    )
    save_with_history(version, reason=f"{outcome} by sync_workflows", actor=actor)
    return version


def _sync_handlers(code: type[WorkflowCode], workflow: Workflow, now: datetime) -> None:
    """Let handlers and topics be those of `code`. Needs the workflow's lock: nobody else makes any."""
    handlers = {handler.name: handler for handler in workflow.handlers.all()}
    names = []
    for handler_code in code.handlers():
        name = handler_code.handler_name()
        handler = handlers.setdefault(name, Handler(workflow=workflow, name=name))
        handler.is_current = True
        is_producer = issubclass(handler_code, Producer)
        kind = Handler.Kind.PRODUCER if is_producer else Handler.Kind.CONSUMER
        handler.kind = kind.value
        handler.save()
        names.append(name)
        state, _ = LaneState.objects.get_or_create(handler=handler, lane=handler.own_lane)
        if issubclass(handler_code, Producer):
            first = code.schedule_of(handler_code).first_at(now)
            state.wake_at = min(state.wake_at or first, first)
            state.save(update_fields=["wake_at"])
    workflow.handlers.exclude(name__in=names).update(is_current=False)
    topics = {topic.name: topic for topic in workflow.topics.all()}
    for name in code.topics():
        consumer = code.consumer_of(name)
        topic = topics.get(name, Topic(workflow=workflow, name=name))
        topic.consumer = handlers[consumer.handler_name()] if consumer else None
        topic.save()
    workflow.topics.exclude(name__in=code.topics()).update(consumer=None)
    # A new handler's lane may be held by a run of another one.
    refresh_now(*((workflow.pk, handler.own_lane) for handler in handlers.values()))
    Arrival.objects.filter(topic__workflow=workflow, topic__consumer=None).delete()


def _name_lanes_anew(
    code: type[WorkflowCode], workflow: Workflow, *, reason: str, actor: Any
) -> None:
    """Let pending events be in the lanes that `code` names. Needs the workflow's lock."""
    left: set[tuple[int, str]] = set()
    for topic in workflow.topics.filter(consumer__isnull=False):
        pending = topic.events.filter(status=Event.Status.PENDING).order_by("pk")
        consumer = code.consumer_of(topic.name)
        assert consumer is not None, "the topic's consumer was just taken from the code"
        if not consumer.names_lanes():
            pending = pending.exclude(lane=MAIN_LANE)
        with collected():
            for event in pending.select_for_update(no_key=True).iterator(chunk_size=1000):
                lane = lane_of(code, topic.name, event.message_id, event.payload)
                if lane != event.lane:
                    if event.lane is not None:
                        left.add((workflow.pk, event.lane))
                    event.lane = lane
                    save_with_history(event, reason=reason, actor=actor, fields=["lane"])
    refresh_now(*left)
    LaneRefusal.objects.filter(event__topic__workflow=workflow).delete()


def _let_all_look(workflow: Workflow) -> None:
    """New code may want what the old code left: let each consumer look once in each of its lanes.

    As an arrival in each lane with pending events; a run of old code that finds nothing meanwhile
    does not undo it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO workflows_app_arrival (topic_id, lane, transaction)"
            " SELECT DISTINCT topic.id, event.lane, pg_current_xact_id()::text"
            "   FROM workflows_app_topic topic JOIN workflows_app_event event"
            "     ON event.topic_id = topic.id AND event.status = 'pending'"
            "  WHERE topic.workflow_id = %s AND topic.consumer_id IS NOT NULL",
            [workflow.pk],
        )


def _drop_owed_retries_without_handler(
    code: type[WorkflowCode], workflow: Workflow, *, reason: str, actor: User | None
) -> None:
    """A retry that nobody can make must not hold the workflow. Its events are pending, and seen.

    If only `next` is missing, its events are held: that waits for a version with the handler.
    """
    for run in workflow.runs.filter(owes_retry=True).select_related("handler"):
        if code.handler_named(run.handler.name) is None and not only_next_is_missing(run):
            run.owes_retry = False
            run.retry_due_at = None
            save_with_history(
                run, reason=reason, actor=actor, fields=["owes_retry", "retry_due_at"]
            )
            refresh_now((workflow.pk, run.lane))


def _make_owed_retries_due(
    workflow: Workflow, *, reason: str, actor: User | None, now: datetime
) -> None:
    """New code is reason to try again what failed for good, or for the time being."""
    for run in workflow.runs.filter(owes_retry=True, retry_due_at__isnull=True):
        run.retry_due_at = now
        save_with_history(run, reason=reason, actor=actor, fields=["retry_due_at"])
