"""What a person needs to know about a run to answer "did it happen?" (P3, P5)."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from workflows_app import registry
from workflows_app.models import Event, Evidence, Input, Mutation, OperatorAction, Run
from workflows_app.queries import lanes, lineage

logger = logging.getLogger("workflows_app")

NOT_COMPUTED = "could not be computed"
#: How many attempts before and after this one are shown.
ATTEMPTS_SHOWN = 10
#: How many events are shown of which one may be at fault.
SUSPECTS_SHOWN = 10


@dataclass(frozen=True)
class Explanation:
    """All about one run, for its page."""

    run: Run
    mutation: Mutation | None
    evidence: list[Evidence]
    late: Evidence | None
    why: str
    can_reconcile: bool
    verification_steps: str
    inputs: list[Input]
    reserved: list[Event]
    #: If it reserved none: the pending events of its lane of which one may be at fault.
    suspects: list[Event]
    published: list[Event]
    decisions: list[OperatorAction]
    attempts: list[Run]


def explain(run: Run) -> Explanation:
    """Collect what is known about `run`. It runs the author's code for how to check by hand."""
    mutation = run.settled_mutation
    code = registry.mutator(run.workflow.slug, mutation.mutator) if mutation else None
    evidence = list(mutation.evidence.order_by("pk")) if mutation else []
    reserved = list(lineage.events_reserved_by(run))
    return Explanation(
        run=run,
        mutation=mutation,
        evidence=evidence,
        late=late_answer(evidence),
        why=why_it_waits(run),
        can_reconcile=code is not None and code.can_reconcile(),
        verification_steps=_verification_steps(run, mutation),
        inputs=list(lineage.inputs_of_run(run)),
        reserved=reserved,
        suspects=[] if reserved else _suspects(run),
        published=list(lineage.events_published_by(run)),
        decisions=list(lineage.decisions_on_run(run)),
        attempts=_attempts(run),
    )


def late_answer(evidence: Iterable[Evidence]) -> Evidence | None:
    """Return the newest answer that came too late and says whether it happened.

    The host changes no state by it: whoever decides must not overlook it.
    """
    late = [item for item in evidence if item.kind == Evidence.Kind.LATE]
    telling = [item for item in late if item.verdict != Evidence.Verdict.UNKNOWN]
    return telling[-1] if telling else None


def why_it_waits(run: Run) -> str:
    """Return the host's reason for what holds it up; nothing if nothing does. One query."""
    return str(Run.objects.filter(pk=run.pk).values_list(lanes.why()).get()[0])


def _suspects(run: Run) -> list[Event]:
    """Return what an ended run that took nothing probably looked at: the oldest events of its lane."""
    if not (run.owes_retry and run.status in (Run.Status.FAILED, Run.Status.CRASHED)):
        return []
    waiting = Event.objects.filter(
        topic__consumer=run.handler_id, lane=run.lane, status=Event.Status.PENDING
    ).select_related("topic")
    return list(waiting.defer("payload").order_by(Event.IN_ORDER)[:SUSPECTS_SHOWN])


def _verification_steps(run: Run, mutation: Mutation | None) -> str:
    """Return the author's words on how to check, or `NOT_COMPUTED`. Nothing if the author has none."""
    code = registry.mutator(run.workflow.slug, mutation.mutator) if mutation else None
    if mutation is None or code is None:
        return ""
    try:
        return str(code().verification_steps(copy.deepcopy(mutation.params)))
    except Exception:
        # The author's code; its failure must not hide the page from whoever has to decide.
        logger.exception("mutator.verification_failed run=%s mutator=%s", run.pk, mutation.mutator)
        return NOT_COMPUTED


def _attempts(run: Run) -> list[Run]:
    """Return the attempts of this work around `run`, the first first."""
    attempts = [run]
    while attempts[0].retry_of is not None and len(attempts) <= ATTEMPTS_SHOWN:
        attempts.insert(0, attempts[0].retry_of)
    earlier = len(attempts)
    while len(attempts) < earlier + ATTEMPTS_SHOWN:
        later = Run.objects.filter(retry_of=attempts[-1]).first()
        if later is None:
            break
        attempts.append(later)
    return attempts
