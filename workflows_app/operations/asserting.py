"""Ask before you assert: what It happened and It didn't happen have in common (P1, P3, P7).

Where the mutator can reconcile, the host asks the outside system once, while nothing is locked. A definite
answer wins over the person: if it agrees, the decision stands on it; if it says the opposite, it settles the
run and the decision is refused. What was answered is kept whatever becomes of the decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from workflows_app.engine import outcomes
from workflows_app.engine.answers import Finding
from workflows_app.errors import OperationRefused
from workflows_app.models import Evidence, OperatorAction, Run
from workflows_app.operations.asking import (
    PROBE_SECONDS,
    Probe,
    case_of,
    count_definite,
    keep,
    proven,
    put_question,
)
from workflows_app.operations.base import Decision, deciding, locked_run, require_allowed
from workflows_app.operations.declaration import Operation
from workflows_app.operations.heard import OPPOSITE, counts
from workflows_app.operations.seen import require_seen

Verdict = Evidence.Verdict


@dataclass(frozen=True)
class Heard:
    """What a decision stands on: what the outside system said to the probe, and what was seen."""

    #: Of the probe, if it says the same as the person.
    finding: Finding | None
    #: What the probe left, if there was one.
    asked: Evidence | None
    evidence_seen: Evidence | None


def assert_outcome(
    operation: Operation,
    run: Run,
    *,
    actor: Any,
    reason: str,
    seen: Any,
    probe: bool,
    before: Callable[[Run], None],
    decide: Callable[[Decision, Run, Heard], OperatorAction],
) -> OperatorAction:
    """Let `decide` write what a person asserts about the blocked `run`; with `probe` ask first. Commits.

    `before` checks what can be checked without a lock. Refuses with `not_blocked`, `stale`, `contradicted`,
    `permission_denied`, `reason_required`, `unknown_actor`, and what `before` and `decide` refuse with.
    """
    says = operation.asserts
    assert says is not None, "it says something of the outside effect"
    fresh = _read(run)
    person = require_allowed(operation, actor=actor, reason=reason, about=fresh.workflow)
    if fresh.own_mutation is None:
        operation.require(fresh, person)
    try:
        before(fresh)
    except OperationRefused:
        # Whoever comes too late is told that, and not what is wrong with the rest.
        operation.require(fresh, person)
        raise
    probed = None
    if probe:
        operation.require(fresh, person)
        require_seen(fresh, seen, actor=person)
        probed = put_question(fresh, PROBE_SECONDS)
    with deciding(operation, run.workflow_id, actor=actor, reason=reason) as decision:
        run = locked_run(run)
        evidence, finding, refusal = None, None, None
        if probed is not None:
            evidence, finding, refusal = _hear(probed, run, decision, says)
        if refusal is None:
            try:
                with transaction.atomic():
                    operation.require(run, decision.actor)
                    # One that says the opposite and did not settle it contradicts an earlier one.
                    is_news = evidence is not None and evidence.verdict == OPPOSITE[says]
                    shown = require_seen(
                        run, seen, actor=decision.actor, asked=evidence, asked_is_news=is_news
                    )
                    return decide(decision, run, Heard(finding, evidence, shown))
            except OperationRefused as refused:
                refusal = refused
    raise refusal


def _read(run: Run) -> Run:
    return Run.objects.select_related("workflow", "mutation").get(pk=run.pk)


def _hear(
    probed: Probe, run: Run, decision: Decision, says: Verdict
) -> tuple[Evidence, Finding | None, OperationRefused | None]:
    """Keep what the probe heard, and settle `run` by it if it says the opposite of the person.

    Returns the evidence, the finding if it says the same, and why the decision is refused, if it is.
    """
    case = case_of(run, decision.workflow, probed, now=decision.now)
    finding = proven(probed, case)
    agrees, is_telling = finding.verdict == says, counts(run, finding.verdict)
    is_settled = is_telling and not agrees
    words = _said(decision, says) if is_settled else ""
    evidence = keep(finding, case, decision.actor, words=words)
    if is_telling:
        count_definite(case)
    if not is_settled:
        return evidence, finding if agrees else None, None
    outcomes.settle_probe(case, finding)
    decision.wake(run.lane)
    return evidence, None, OperationRefused("contradicted", _settled(run, finding))


def _said(decision: Decision, says: Verdict) -> str:
    """Return what a person said whose word did not count: no decision keeps it."""
    what = "it happened" if says == Verdict.APPLIED else "it did not happen"
    return f"{decision.actor} said that {what}: {decision.reason}"


def _settled(run: Run, finding: Finding) -> str:
    if finding.verdict == Verdict.APPLIED:
        told = _(
            "The outside system was asked, and says that it happened. So nothing is sent: run %(run)s goes"
            " on as if the answer had arrived."
        )
    elif run.retry_due_at is not None:
        told = _(
            "The outside system was asked, and says that it did not happen. So nothing goes on as if it"
            " had: run %(run)s has failed, its events are free, and they are taken anew."
        )
    elif run.owes_retry:
        told = _(
            "The outside system was asked, and says that it did not happen. So nothing goes on as if it"
            " had: run %(run)s has failed, its events are free, and it waits for “Retry now”."
        )
    else:
        told = _(
            "The outside system was asked, and says that it did not happen. So nothing goes on as if it"
            " had: run %(run)s has failed, and its events are pending."
        )
    return told % {"run": run.pk}
