"""Asking the outside system for a person: when they open the page of a blocked run, and before they assert (P3, P7).

Nothing is locked while it is asked. What it answered is kept as evidence with the person's name, whatever becomes of
it. To ask decides nothing: a definite answer is shown beside the decision that it speaks for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from workflows_app import registry
from workflows_app.deciders import may_decide_about
from workflows_app.engine import breakers, outcomes, phases
from workflows_app.engine.answers import Finding, read_reconcile
from workflows_app.engine.case import Case, Changes
from workflows_app.engine.claims import Claim, lock_workflow
from workflows_app.engine.holding import Holding
from workflows_app.engine.jobs import Answer, Job, Worker
from workflows_app.engine.late import contradicts_ledger, database_time, record_late
from workflows_app.errors import OperationRefused
from workflows_app.models import Breaker, Evidence, OperatorAction, Run, Workflow
from workflows_app.operations.base import NAME_LENGTH, events_held_by, locked_run
from workflows_app.operations.heard import counts
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.workflow import Workflow as WorkflowCode
from workflows_app.waking import wake_at

#: A person waits for the answer: of one who decides, and of one who opens a page.
PROBE_SECONDS = 10.0
LOOK_SECONDS = 5.0
#: Whoever opens the page so soon after somebody else sees that answer.
ASKED_ANEW_AFTER = timedelta(seconds=30)

Verdict = Evidence.Verdict
#: Whoever may say one of these may ask.
_ASSERTING = (OperatorAction.Operation.IT_HAPPENED, OperatorAction.Operation.IT_DIDNT_HAPPEN)


@dataclass(frozen=True)
class Probe:
    """What one question brought, and by which code it was asked."""

    code: type[WorkflowCode]
    mutator: type[Mutator]
    finding: Finding


def can_ask(run: Run) -> bool:
    """Tell whether this process has code that can ask the outside system about the effect of `run`."""
    return _code_for(run) is not None


def is_asked_for(run: Run, person: Any) -> bool:
    """Tell whether the page of `run` lets the outside system be asked, as `person` opens it. Three queries at most."""
    if run.status != Run.Status.BLOCKED or not can_ask(run) or not _may_assert(run, person):
        return False
    # Another console may have asked, whose clock differs from this one's.
    lately = {"kind": Evidence.Kind.PROBE, "created_at__gt": Now() - ASKED_ANEW_AFTER}
    return not run.mutation.evidence.filter(**lately).exists()


def look(run: Run, *, actor: Any) -> Evidence | None:
    """Ask the outside system about the blocked `run` for a person who looks at it. Decides nothing. Commits.

    Returns what was heard; nothing if nobody can ask, or it is not blocked. Refuses with `permission_denied`.
    """
    if not _may_assert(run, actor):
        told = _("%(person)s may not say whether run %(run)s happened, and so not ask.")
        raise OperationRefused("permission_denied", told % {"person": actor, "run": run.pk})
    probed = put_question(run, LOOK_SECONDS) if run.status == Run.Status.BLOCKED else None
    if probed is None:
        return None
    with transaction.atomic():
        workflow = lock_workflow(run.workflow_id)
        case = case_of(locked_run(run), workflow, probed, now=workflow.lease.seen_at)
        finding = proven(probed, case)
        if counts(case.run, finding.verdict):
            count_definite(case)
        return keep(finding, case, actor)


def put_question(run: Run, seconds: float) -> Probe | None:
    """Ask the outside system, where it can be asked. Holds nothing. A late answer is kept as one."""
    found = _code_for(run)
    if found is None:
        return None
    code, mutator = found
    policy = code.policy_for(mutator)
    seconds = min(seconds, policy.call_timeout_seconds)
    policy = replace(policy, call_timeout_seconds=seconds)
    answers: SimpleQueue[Answer] = SimpleQueue()
    job = Job(
        phases.ask(run.mutation, mutator),
        seconds=seconds,
        done=answers.put,
        late=lambda answer: record_late(run.mutation, read_reconcile(answer, policy)),
    )
    Worker.start(job)
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        # It may end at this very moment.
        answer = job.give_up() or answers.get()
    return Probe(code, mutator, read_reconcile(answer, policy))


def case_of(run: Run, workflow: Workflow, probed: Probe, *, now: datetime) -> Case:
    """Return the locked `run` as the engine's rules about answers take it. Needs the workflow's lock."""
    claim = Claim(workflow.pk, workflow.lease.token, "")
    return Case(
        holding=Holding(claim, workflow, probed.code),
        run=run,
        events=events_held_by(run),
        now=now,
        changes=Changes(),
        breakers={one.handler_id: one for one in Breaker.objects.filter(handler=run.handler_id)},
    )


def proven(probed: Probe, case: Case) -> Finding:
    """Return what the answer proves."""
    finding = probed.finding
    asked_at = database_time(finding.began)
    return outcomes.as_proof(case.run.mutation, probed.mutator, finding, asked_at=asked_at)


def count_definite(case: Case) -> None:
    """Note for the circuit breaker that the outside system answers; what it held back goes out. Needs the lock."""
    holds_back = any(not breaker.lets_calls_out for breaker in case.breakers.values())
    breakers.count_definite(case)
    if holds_back:
        wake_at(case.workflow.pk, due_at=case.now)


def keep(finding: Finding, case: Case, person: Any, *, words: str = "") -> Evidence:
    """Write down what was heard, for whom; `words`: what they said, if that is kept nowhere else. Needs the lock."""
    mutation = case.run.mutation
    asked_before = mutation.evidence.filter(kind=Evidence.Kind.PROBE).count()
    return Evidence.objects.create(
        mutation=mutation,
        kind=Evidence.Kind.PROBE.value,
        verdict=finding.verdict.value,
        detail="\n".join(filter(None, (finding.told, words))),
        traceback=finding.traceback,
        duration_ms=finding.duration_ms,
        attempt=asked_before + 1,
        contradicts=contradicts_ledger(finding.verdict, mutation.status),
        actor=person,
        actor_name=str(person)[:NAME_LENGTH],
        created_at=case.now,
    )


def _code_for(run: Run) -> tuple[type[WorkflowCode], type[Mutator]] | None:
    code, mutation = registry.get(run.workflow.slug), run.settled_mutation
    if code is None or mutation is None:
        return None
    mutator = code.mutator_named(mutation.mutator)
    return (code, mutator) if mutator is not None and mutator.can_reconcile() else None


def _may_assert(run: Run, person: Any) -> bool:
    return may_decide_about(person, run.workflow.slug) and any(
        person.has_perm(f"workflows_app.{operation.codename}") for operation in _ASSERTING
    )
