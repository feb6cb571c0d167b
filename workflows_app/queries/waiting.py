"""Why nothing happens to a pending event right now (P2): in one sentence, for people."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from workflows_app.models import (
    Breaker,
    Event,
    LaneRefusal,
    LaneState,
    OperatorAction,
    Run,
    Workflow,
)
from workflows_app.queries.attention import open_breakers
from workflows_app.queries.lanes import holds, severity
from workflows_app.queries.recorded import in_readers_words


def why_pending(event: Event) -> str:
    """Return what a pending event waits for. Takes at most four queries."""
    topic = event.topic
    workflow = topic.workflow
    if topic.consumer is None:
        return _(
            "No consumer of the active version takes events of topic %(topic)s. It stays here until a"
            " version does."
        ) % {"topic": topic.name}
    if event.lane is None:
        refusal = LaneRefusal.of(event)
        if refusal is not None:
            again = _("It is asked again for another payload or by other code.")
            return f"{in_readers_words(refusal.why)} {again}"
        return _(
            "Its lane is not named yet: that takes a worker with the code of the active version."
        )
    runs = Run.objects.filter(holds(), workflow=workflow, lane=event.lane)
    holding = runs.order_by(severity(), "pk").first()
    is_paused = workflow.status == Workflow.Status.PAUSED
    if holding is not None:
        sentences = [_holding(holding), _held_up(event.lane)]
        if is_paused:
            sentences.append(_("The workflow is paused as well, until a person resumes it."))
        return " ".join(sentences)
    if is_paused:
        return _("Its workflow is paused. It goes on when a person resumes it.")
    consumer = topic.consumer
    breaker = open_breakers().filter(handler=consumer).first()
    if breaker is not None:
        return _held_back(breaker, consumer.name)
    state = LaneState.objects.filter(handler=consumer, lane=event.lane).first()
    has_news = topic.arrivals.filter(lane=event.lane).exists()
    if state is not None and state.arrivals_seen == state.arrivals and not has_news:
        return _looks_again(state, consumer.name)
    return _("It is in line for %(consumer)s: the oldest pending events of a lane go first.") % {
        "consumer": consumer.name
    }


def held_back(run: Run) -> str:
    """Return that the open breaker of its consumer holds `run` back, and how long; nothing if it does not.

    It does not where a person has ordered the call, or it was sent already; while the workflow is paused, that
    counts. Two queries at most.
    """
    is_paused = run.workflow.status == Workflow.Status.PAUSED
    if is_paused or not run.waits_for_turn or run.settled_mutation is not None:
        return ""
    breaker = open_breakers().filter(handler=run.handler).first()
    if breaker is None or _is_ordered(run):
        return ""
    return _held_back(breaker, run.handler.name)


def _is_ordered(run: Run) -> bool:
    if run.retry_of_id is None:
        return False
    orders = OperatorAction.objects.filter(operation__in=OperatorAction.ORDERS)
    return orders.filter(run=run.retry_of_id).exists()


def _held_up(lane: str) -> str:
    if lane:
        return _("Nothing else of lane “%(lane)s” starts meanwhile.") % {"lane": lane}
    return _("Nothing else of the main lane starts meanwhile.")


def _held_back(breaker: Breaker, consumer: str) -> str:
    is_open = _(
        "The circuit breaker of %(consumer)s is open: too many calls in a row had an unknown outcome."
    ) % {"consumer": consumer}
    if breaker.status == Breaker.Status.HALF_OPEN or breaker.trial_at is None:
        trial = _("One call is being tried. If it gets an answer, the others go out again.")
    else:
        trial = _("The next one is tried on %(day)s at %(time)s.") % day_and_time(breaker.trial_at)
    return f"{is_open} {trial}"


def _looks_again(state: LaneState, consumer: str) -> str:
    took_nothing = _("%(consumer)s looked at it and took nothing.") % {"consumer": consumer}
    if state.wake_at is None:
        again = _("It looks again when another event arrives.")
    else:
        again = _(
            "It looks again when another event arrives, at the latest on %(day)s at %(time)s."
        ) % day_and_time(state.wake_at)
    return f"{took_nothing} {again}"


def day_and_time(at: datetime) -> dict[str, str]:
    """Return what a sentence for people says of an instant."""
    local = timezone.localtime(at)
    return {"day": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M:%S %Z}"}


def _holding(run: Run) -> str:
    names = {"run": run.pk}
    if run.status == Run.Status.BLOCKED:
        return _("Run %(run)s of its lane is blocked and waits for a person.") % names
    if run.status == Run.Status.RECONCILING:
        return (
            _(
                "The outside system is being asked whether the outside effect of run %(run)s happened."
            )
            % names
        )
    if run.failure_kind == Run.FailureKind.POISON and run.retry_due_at is None:
        return (
            _(
                "Run %(run)s of its lane failed: its worker died or hung each time. It waits for a"
                " person or a new version."
            )
            % names
        )
    if run.retry_due_at is None:
        return _("Run %(run)s of its lane failed and waits for a person or a new version.") % names
    due = {**names, **day_and_time(run.retry_due_at)}
    if run.status == Run.Status.FAILED:
        return _("Run %(run)s of its lane failed; it is tried again on %(day)s at %(time)s.") % due
    return (
        _(
            "Run %(run)s of its lane ended when its worker died or hung; it is tried again on"
            " %(day)s at %(time)s."
        )
        % due
    )
