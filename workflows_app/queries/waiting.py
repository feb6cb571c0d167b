"""Why nothing happens to a pending event right now (P2): in one sentence, for people."""

from __future__ import annotations

from django.utils import timezone

from workflows_app.models import Breaker, Event, LaneRefusal, LaneState, Run, Workflow
from workflows_app.queries.lanes import holds, lane_in_words, severity


def why_pending(event: Event) -> str:
    """Return what a pending event waits for. Takes at most four queries."""
    topic = event.topic
    workflow = topic.workflow
    if topic.consumer is None:
        return (
            f"No consumer of the active version takes events of topic {topic.name}. It stays here"
            f" until a version does."
        )
    if event.lane is None:
        refusal = LaneRefusal.of(event)
        if refusal is not None:
            return f"{refusal.why} It is asked again for another payload or by other code."
        return "Its lane is not named yet: that takes a worker with the code of the active version."
    runs = Run.objects.filter(holds(), workflow=workflow, lane=event.lane)
    holding = runs.order_by(severity(), "pk").first()
    is_paused = workflow.status == Workflow.Status.PAUSED
    if holding is not None:
        also = " The workflow is paused as well, until a person resumes it." if is_paused else ""
        return f"{_holding(holding)} Nothing else of {lane_in_words(event.lane)} starts meanwhile.{also}"
    if is_paused:
        return "Its workflow is paused. It goes on when a person resumes it."
    consumer = topic.consumer
    breaker = Breaker.objects.filter(handler=consumer).exclude(status="closed").first()
    if breaker is not None:
        return _held_back(breaker, consumer.name)
    state = LaneState.objects.filter(handler=consumer, lane=event.lane).first()
    has_news = topic.arrivals.filter(lane=event.lane).exists()
    if state is not None and state.arrivals_seen == state.arrivals and not has_news:
        return f"{consumer.name} looked at it and took nothing. It looks again {_when(state)}."
    return f"It is in line for {consumer.name}: the oldest pending events of a lane go first."


def _held_back(breaker: Breaker, consumer: str) -> str:
    is_open = f"The circuit breaker of {consumer} is open: too many calls in a row had an unknown outcome."
    if breaker.status == Breaker.Status.HALF_OPEN or breaker.trial_at is None:
        return f"{is_open} One call is being tried. If it gets an answer, the others go out again."
    at = timezone.localtime(breaker.trial_at)
    return f"{is_open} The next one is tried on {at:%Y-%m-%d} at {at:%H:%M:%S}."


def _when(state: LaneState) -> str:
    if state.wake_at is None:
        return "when another event arrives"
    at = timezone.localtime(state.wake_at)
    return f"when another event arrives, at the latest on {at:%Y-%m-%d} at {at:%H:%M:%S}"


def _holding(run: Run) -> str:
    if run.status == Run.Status.BLOCKED:
        return f"Run {run.pk} of its lane is blocked and waits for a person."
    if run.status == Run.Status.RECONCILING:
        return f"The host is finding out whether the outside effect of run {run.pk} happened."
    if run.failure_kind == Run.FailureKind.POISON and run.retry_due_at is None:
        return (
            f"Run {run.pk} of its lane failed: its worker died or hung each time. It waits for a"
            f" person or a new version."
        )
    if run.retry_due_at is None:
        return f"Run {run.pk} of its lane failed and waits for a person or a new version."
    at = timezone.localtime(run.retry_due_at)
    ended = "failed" if run.status == Run.Status.FAILED else "ended when its worker died or hung"
    return f"Run {run.pk} of its lane {ended}; it is tried again at {at:%H:%M:%S}."
