"""Ask before you assert: what It happened and It didn't happen have in common (P1, P3, P7).

Where the mutator can reconcile, the host asks the outside system once, while nothing is locked. A definite
answer wins over the person: if it agrees, the decision stands on it; if it says the opposite, it settles the
run and the decision is refused. What was answered is kept whatever becomes of the decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from workflows_app import registry
from workflows_app.engine import breakers, outcomes, phases
from workflows_app.engine.answers import Finding, read_reconcile
from workflows_app.engine.case import Case, Changes
from workflows_app.engine.claims import Claim
from workflows_app.engine.jobs import Answer, Job, Worker
from workflows_app.engine.late import contradicts_ledger, record_late
from workflows_app.errors import OperationRefused
from workflows_app.models import Breaker, Evidence, Mutation, OperatorAction, Run
from workflows_app.operations.base import (
    NAME_LENGTH,
    Decision,
    deciding,
    events_held_by,
    locked_run,
    require_allowed,
)
from workflows_app.operations.declaration import Operation
from workflows_app.operations.seen import require_seen
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.workflow import Workflow as WorkflowCode

#: A person waits for the answer.
PROBE_SECONDS = 10.0

Verdict = Evidence.Verdict
_OPPOSITE = {Verdict.APPLIED: Verdict.NOT_APPLIED, Verdict.NOT_APPLIED: Verdict.APPLIED}
#: What was heard without settling anything.
_HEARD = (Evidence.Kind.LATE, Evidence.Kind.PROBE)


@dataclass(frozen=True)
class Heard:
    """What a decision stands on: what the outside system said to the probe, and what was seen."""

    #: Of the probe, if it was definite.
    finding: Finding | None
    evidence_seen: Evidence | None


@dataclass(frozen=True)
class _Probe:
    code: type[WorkflowCode]
    mutator: type[Mutator]
    finding: Finding


def can_ask(run: Run) -> bool:
    """Tell whether this process has code that can ask the outside system about the effect of `run`."""
    return _code_for(run) is not None


def assert_outcome(
    operation: Operation,
    run: Run,
    *,
    says: Verdict,
    actor: Any,
    reason: str,
    seen: Any,
    probe: bool,
    before: Callable[[Run], None],
    decide: Callable[[Decision, Run, Heard], OperatorAction],
) -> OperatorAction:
    """Let `decide` write what a person asserts about the blocked `run`; with `probe` ask first. Commits.

    `before` checks what can be checked without a lock; `says`: what the person says. Refuses with
    `not_blocked`, `stale`, `contradicted`, `permission_denied`, `reason_required`, `unknown_actor`, and what
    `before` and `decide` refuse with.
    """
    fresh = _read(run)
    person = require_allowed(operation, actor=actor, reason=reason, about=fresh.workflow)
    if not hasattr(fresh, "mutation"):
        operation.require(fresh)
    try:
        before(fresh)
    except OperationRefused:
        # Whoever comes too late is told that, and not what is wrong with the rest.
        operation.require(fresh)
        raise
    probed = None
    if probe:
        operation.require(fresh)
        probed = _ask(fresh, seen, person)
    with deciding(operation, run.workflow_id, actor=actor, reason=reason) as decision:
        run = locked_run(run)
        evidence, finding, refusal = None, None, None
        if probed is not None:
            evidence, finding, refusal = _hear(probed, run, decision, says)
        if refusal is None:
            try:
                with transaction.atomic():
                    operation.require(run)
                    shown = require_seen(run, seen, actor=decision.actor, asked=evidence)
                    return decide(decision, run, Heard(finding, shown))
            except OperationRefused as refused:
                refusal = refused
    raise refusal


def says_it_happened(mutation: Mutation) -> Evidence | None:
    """Return the newest answer that says that an effect which is not settled did happen, if any did."""
    heard = mutation.evidence.filter(kind__in=_HEARD, verdict=Verdict.APPLIED)
    return heard.order_by("-pk").first()


def _read(run: Run) -> Run:
    return Run.objects.select_related("workflow", "mutation").get(pk=run.pk)


def _code_for(run: Run) -> tuple[type[WorkflowCode], type[Mutator]] | None:
    code, mutation = registry.get(run.workflow.slug), run.settled_mutation
    if code is None or mutation is None:
        return None
    mutator = code.mutator_named(mutation.mutator)
    return (code, mutator) if mutator is not None and mutator.can_reconcile() else None


def _ask(run: Run, seen: Any, person: Any) -> _Probe | None:
    """Ask the outside system, where it can be asked. Holds nothing. A late answer is kept as one."""
    require_seen(run, seen, actor=person)
    found = _code_for(run)
    if found is None:
        return None
    code, mutator = found
    policy = code.policy_for(mutator)
    seconds = min(PROBE_SECONDS, policy.call_timeout_seconds)
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
    return _Probe(code, mutator, read_reconcile(answer, policy))


def _hear(
    probed: _Probe, run: Run, decision: Decision, says: Verdict
) -> tuple[Evidence, Finding | None, OperationRefused | None]:
    """Keep what the probe heard, and settle `run` by it if it says the opposite of the person.

    Returns the evidence, the finding if it is definite, and why the decision is refused, if it is.
    """
    mutation = run.mutation
    case = Case(
        claim=Claim(decision.workflow.pk, decision.workflow.lease.token, ""),
        workflow=decision.workflow,
        code=probed.code,
        run=run,
        events=events_held_by(run),
        now=decision.now,
        changes=Changes(),
        breakers={one.handler_id: one for one in Breaker.objects.filter(handler=run.handler_id)},
    )
    finding = outcomes.as_proof(case, probed.mutator, probed.finding)
    evidence = _keep(finding, mutation, decision)
    is_open = run.status == Run.Status.BLOCKED
    if finding.verdict == Verdict.UNKNOWN or not is_open or _is_disputed(mutation, finding):
        return evidence, None, None
    breakers.count_definite(case)
    if finding.verdict == says:
        return evidence, finding, None
    outcomes.settle_probe(case, finding)
    decision.wake(run.lane)
    return evidence, finding, OperationRefused("contradicted", _settled(run, finding))


def _keep(finding: Finding, mutation: Mutation, decision: Decision) -> Evidence:
    asked_before = mutation.evidence.filter(kind=Evidence.Kind.PROBE).count()
    return Evidence.objects.create(
        mutation=mutation,
        kind=Evidence.Kind.PROBE.value,
        verdict=finding.verdict.value,
        detail=finding.told,
        traceback=finding.traceback,
        duration_ms=finding.duration_ms,
        attempt=asked_before + 1,
        contradicts=contradicts_ledger(finding.verdict, mutation.status),
        actor=decision.actor,
        actor_name=str(decision.actor)[:NAME_LENGTH],
    )


def _is_disputed(mutation: Mutation, finding: Finding) -> bool:
    """Tell whether the outside system has said the opposite too: then it can't say, and a person must."""
    late = mutation.evidence.filter(kind=Evidence.Kind.LATE)
    return late.filter(verdict=_OPPOSITE[finding.verdict]).exists()


def _settled(run: Run, finding: Finding) -> str:
    if finding.verdict == Verdict.APPLIED:
        told = _(
            "The outside system was asked, and says that it happened. So nothing is sent: run %(run)s goes"
            " on as if the answer had arrived."
        )
    else:
        told = _(
            "The outside system was asked, and says that it did not happen. So nothing goes on as if it"
            " had: run %(run)s has failed, its events are free, and they are taken anew."
        )
    return told % {"run": run.pk}
