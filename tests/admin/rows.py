"""Many rows at once, by the database's own means: to see that pages don't care how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from tests.admin.addresses import WITH_HISTORY
from workflows_app.models import (
    AccountChange,
    Alert,
    Breaker,
    Event,
    EventInput,
    Evidence,
    Handler,
    Input,
    LaneState,
    Lease,
    Mutation,
    OperatorAction,
    Reservation,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
)
from workflows_app.waking import defer_advance


@dataclass
class Stage:
    """Rows that more and more others belong to."""

    workflow: Workflow
    breaker: Breaker
    run: Run
    mutation: Mutation
    event: Event
    input: Input
    actor: User


def stage(actor: User) -> Stage:
    """Make a workflow with a blocked run, of which everything else can come."""
    workflow, breaker, run, mutation, event, cause = _blocked_workflow("first")
    return Stage(workflow, breaker, run, mutation, event, cause, actor)


def _blocked_workflow(slug: str) -> tuple[Workflow, Breaker, Run, Mutation, Event, Input]:
    now = timezone.now() - timedelta(hours=2)
    workflow = Workflow.objects.create(slug=slug, title=f"Workflow {slug}")
    Lease.objects.create(workflow=workflow, next_due_at=now)
    version = WorkflowVersion.objects.create(
        workflow=workflow, major=1, minor=0, kind="initial", source_digest="0" * 64
    )
    workflow.active_version = version
    workflow.save(update_fields=["active_version"])
    handler = Handler.objects.create(workflow=workflow, name="Pay", kind="consumer")
    LaneState.objects.create(handler=handler, lane="", wake_at=now, is_held=True)
    breaker = Breaker.objects.create(
        handler=handler, status="open", unknowns=5, opened_at=now, trial_at=now
    )
    topic = Topic.objects.create(workflow=workflow, name="received", consumer=handler)
    run = Run.objects.create(
        workflow=workflow,
        handler=handler,
        version=version,
        phase="mutating",
        status="blocked",
        title=f"Pay of {slug}",
        prepare_result={"data": {}},
        started_at=now,
    )
    mutation = Mutation.objects.create(
        run=run, mutator="pay", params={"amount": 1}, target="ACME", sent_at=now,
        idempotency_key=slug, status="indeterminate",
    )  # fmt: skip
    event = Event.objects.create(
        topic=topic, message_id="1", payload={}, lane="", status="reserved", reserved_by=run
    )
    cause = Input.objects.create(workflow=workflow, source="erp", type="invoice", external_id="1")
    EventInput.objects.create(event=event, input=cause)
    Reservation.objects.create(run=run, event=event)
    return workflow, breaker, run, mutation, event, cause


def add(at: Stage, number: int, name: str) -> None:
    """Add `number` rows of everything that a page can list, most of them to one row each."""
    for each in range(number):
        row, *_ = _blocked_workflow(f"{name}-{each}")
        defer_advance(row.pk)
    now = timezone.now() - timedelta(hours=1)
    topic, version = at.event.topic, at.run.version
    topics = [Topic(workflow=at.workflow, name=f"{name}-{n}") for n in range(number)]
    Topic.objects.bulk_create(topics)
    handlers = Handler.objects.bulk_create(
        Handler(workflow=at.workflow, name=f"{name}-{n}", kind="producer") for n in range(number)
    )
    LaneState.objects.bulk_create(
        LaneState(handler=handler, lane=handler.own_lane, wake_at=now) for handler in handlers
    )
    LaneState.objects.bulk_create(
        LaneState(handler=at.run.handler, lane=f"{name}-{n}") for n in range(number)
    )
    events = Event.objects.bulk_create(
        Event(
            topic=topic, message_id=f"{name}-{n}", payload={}, lane=f"{name}-{n}", created_by=at.run
        )
        for n in range(number)
    )
    inputs = Input.objects.bulk_create(
        Input(workflow=at.workflow, source="erp", type="invoice", external_id=f"{name}-{n}")
        for n in range(number)
    )
    EventInput.objects.bulk_create(EventInput(event=event, input=at.input) for event in events)
    EventInput.objects.bulk_create(EventInput(event=at.event, input=cause) for cause in inputs)
    common: dict[str, Any] = {
        "workflow": at.workflow, "handler": at.run.handler, "version": version, "started_at": now,
    }  # fmt: skip
    runs = Run.objects.bulk_create(
        Run(phase="committed", status="committed", title=f"{name}-{n}", ended_at=now, **common)
        for n in range(number)
    )
    Run.objects.bulk_create(
        Run(
            phase="preparing",
            status="failed",
            failure_kind="logic",
            owes_retry=True,
            ended_at=now,
            lane=f"{name}-{n}",
            carried_mutation=at.mutation,
            **common,
        )
        for n in range(number)
    )
    Mutation.objects.bulk_create(
        Mutation(
            run=run, mutator="pay", params={}, sent_at=now, idempotency_key=run.title,
            status="applied", resolved_by="response",
        )
        for run in runs
    )  # fmt: skip
    Reservation.objects.bulk_create(Reservation(run=run, event=at.event) for run in runs)
    Reservation.objects.bulk_create(Reservation(run=at.run, event=event) for event in events)
    Evidence.objects.bulk_create(
        Evidence(mutation=at.mutation, kind="late", verdict="applied", contradicts=True)
        for _ in range(number)
    )
    OperatorAction.objects.bulk_create(
        OperatorAction(
            operation="try_again",
            actor=at.actor,
            actor_name="x",
            reason="x",
            workflow=at.workflow,
            run=at.run,
        )
        for _ in range(number)
    )
    AccountChange.objects.bulk_create(
        AccountChange(kind="account", about=name, about_key="1", what="made", actor=at.actor)
        for _ in range(number)
    )
    for each in range(number):
        add_alert(at.workflow, channel=f"{name}-{each}")
    _add_history(at, number)


def add_alert(workflow: Workflow, **values: Any) -> Alert:
    """Leave a message about a workflow, to a channel unless `values` say otherwise."""
    now = timezone.now()
    given = {"channel": "" if "person" in values else "team", "subject": "It waits", **values}
    return Alert.objects.create(workflow=workflow, created_at=now, next_attempt_at=now, **given)


def _add_history(at: Stage, number: int) -> None:
    """Let the rows of the stage have changed often."""
    rows = (at.breaker, at.event, at.mutation, at.run, at.workflow, at.run.version)
    assert {type(row) for row in rows} == set(WITH_HISTORY)
    for row in rows:
        history = type(row).history.model
        values = type(row).history.filter(id=row.pk).values().first()
        for field in ("history_id", "history_user_id", "history_change_reason"):
            values.pop(field)
        values |= {"history_type": "~", "history_date": timezone.now()}
        history.objects.bulk_create(
            history(history_change_reason=f"again {n}", history_user_id=at.actor.pk, **values)
            for n in range(number)
        )
