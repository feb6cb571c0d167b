"""Why nothing happens to a pending event right now (P2): in one sentence, for people."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from workflows_app.models import Event, Handler, Run, Workflow


def why_pending(event: Event) -> str:
    """Return what a pending event waits for. Takes at most three queries."""
    topic = event.topic
    workflow = topic.workflow
    if topic.consumer is None:
        return (
            f"No consumer of the active version takes events of topic {topic.name}. It stays here"
            f" until a version does."
        )
    holds = Run.blocking_filter() | Q(status=Run.Status.RECONCILING)
    holding = Run.objects.filter(holds, workflow=workflow).first()
    is_paused = workflow.status == Workflow.Status.PAUSED
    if holding is not None:
        also = " It is paused as well, until a person resumes it." if is_paused else ""
        return f"{_holding(holding)} Nothing else of the workflow starts meanwhile.{also}"
    if is_paused:
        return "Its workflow is paused. It goes on when a person resumes it."
    consumer = topic.consumer
    if consumer.awaits_event and not topic.arrivals.exists():
        return f"{consumer.name} looked at it and took nothing. It looks again {_when(consumer)}."
    return f"It is in line for {consumer.name}: the oldest pending events go first."


def _when(consumer: Handler) -> str:
    if consumer.wake_at is None:
        return "when another event arrives"
    at = timezone.localtime(consumer.wake_at)
    return f"when another event arrives, at the latest on {at:%Y-%m-%d} at {at:%H:%M:%S}"


def _holding(run: Run) -> str:
    if run.status == Run.Status.BLOCKED:
        return f"Run {run.pk} of its workflow is blocked and waits for a person."
    if run.status == Run.Status.RECONCILING:
        return f"The host is finding out whether the outside effect of run {run.pk} happened."
    if run.retry_due_at is None:
        return f"Run {run.pk} of its workflow failed and waits for a person or a new version."
    at = timezone.localtime(run.retry_due_at)
    return f"Run {run.pk} of its workflow failed; it is tried again at {at:%H:%M:%S}."
