"""It didn't happen: a person asserts that the outside effect was not made; it is made again (P1).

This is the one way in which an effect may be sent a second time. The retry carries the same
prepare result and the same idempotency key, so that an outside system that honours keys saves a
mistaken person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app.engine.retry import make_retry
from workflows_app.errors import OperationRefused
from workflows_app.models import Evidence, Mutation, OperatorAction, Run
from workflows_app.operations.asking import can_ask
from workflows_app.operations.asserting import Heard, assert_outcome
from workflows_app.operations.base import Decision, events_held_by
from workflows_app.operations.declaration import NOT_BLOCKED, Change, Insisting, Operation
from workflows_app.operations.heard import (
    counts,
    last_probe,
    outside_says,
    says_it_happened,
)
from workflows_app.queries.waiting import day_and_time


def it_didnt_happen(
    run: Run,
    *,
    actor: Any,
    reason: str,
    seen: Any = None,
    probe: bool = False,
    despite_contradiction: bool = False,
) -> OperatorAction:
    """Mark the mutation `failed`, end the run, and make a new one that calls again.

    The new run takes over the events without their ever being pending; `prepare` is not called. With `probe`
    the outside system is asked first, if it can be: if it says that it happened, nothing is sent, and the run
    goes on from there. `seen`: what the person was shown (`operations.seen`); without it the decision is on
    the state now. `despite_contradiction`: an answer says that it happened, and the person knows better.

    Refuses with `not_blocked`, `stale`, `contradicted` (an answer says that it happened), `permission_denied`,
    `reason_required`, `unknown_actor`.
    """

    def decide(decision: Decision, run: Run, heard: Heard) -> OperatorAction:
        if not despite_contradiction:
            _require_uncontradicted(run, asked=heard.asked)
        return _send_again(decision, run, heard)

    return assert_outcome(
        IT_DIDNT_HAPPEN,
        run,
        actor=actor,
        reason=reason,
        seen=seen,
        probe=probe,
        before=lambda fresh: None,
        decide=decide,
    )


def _require_uncontradicted(run: Run, *, asked: Evidence | None) -> None:
    heard = says_it_happened(run)
    if heard is not None:
        told = _("%(kind)s said on %(day)s at %(time)s that it happened.") % {
            "kind": capfirst(heard.get_kind_display()),
            **day_and_time(heard.created_at),
        }
        insist = _("Sent again, it may be done twice. If you are sure that this is wrong, say so.")
        sentences = filter(None, (told, _said_now(asked), insist))
        raise OperationRefused("contradicted", " ".join(sentences))


def _said_now(asked: Evidence | None) -> str:
    """Say what the outside system answered just now, if it was asked and did not say that it happened."""
    if asked is None or asked.verdict == Evidence.Verdict.APPLIED:
        return ""
    if asked.verdict == Evidence.Verdict.UNKNOWN:
        return _("The outside system was asked just now, and could not say.")
    return _("The outside system was asked just now, and says that it did not happen.")


def _send_again(decision: Decision, run: Run, heard: Heard) -> OperatorAction:
    run.mutation.set_failed(by=Mutation.ResolvedBy.OPERATOR.value, now=decision.now)
    decision.save(run.mutation)
    run.failure_phase = run.phase
    run.failure_message = f"{decision.actor} asserted that it did not happen: {decision.reason}"
    run.ended_at = decision.now
    run.fail(Run.FailureKind.TRANSIENT.value)
    decision.save(run)
    version = decision.workflow.active_version
    assert version is not None, "a workflow with runs has a version"
    make_retry(
        run,
        events_held_by(run),
        version=version,
        reason=decision.reason,
        actor=decision.actor,
        now=decision.now,
        same_prepare_result=True,
    )
    return decision.record(run=run, evidence_seen=heard.evidence_seen)


def _insisting(run: Run, answers: Mapping[str, str]) -> Insisting | None:
    """Return the tick that an answer needs which says that it happened, if there is one.

    Where the outside system is asked first, and would settle it by saying so again, there is no tick before that.
    """
    heard = says_it_happened(run) if run.status == Run.Status.BLOCKED else None
    if heard is None:
        return None
    asked = last_probe(run)
    was_asked_since = asked is not None and asked.pk > heard.pk
    if can_ask(run) and counts(run, Evidence.Verdict.APPLIED) and not was_asked_since:
        return None
    return Insisting(
        "despite_contradiction",
        _("An answer says that it happened. I know that it is wrong"),
    )


def _reasons(run: Run) -> Sequence[str]:
    if outside_says(run, Evidence.Verdict.NOT_APPLIED):
        return [_("The outside system was asked, and says that it did not happen.")]
    return [_("I looked in the outside system, and it is not there.")]


IT_DIDNT_HAPPEN = Operation(
    code=OperatorAction.Operation.IT_DIDNT_HAPPEN,
    function=it_didnt_happen,
    target=Run,
    refuses=NOT_BLOCKED,
    change=Change((Run.Status.BLOCKED,), Run.Status.FAILED, effect=Mutation.Status.FAILED),
    icon="replay",
    hint=gettext_lazy(
        "If it is not there, in the outside system, and still wanted. It is sent again."
    ),
    offered_reasons=_reasons,
    consequence=gettext_lazy(
        "You say that it did not happen. A new run sends it again, with the same parameters and the same"
        " idempotency key."
    ),
    warning=gettext_lazy(
        "If it did happen, doing it again makes a duplicate, unless the outside system still honours the"
        " key. Look in the outside system first."
    ),
    done=gettext_lazy("a new run sends it again."),
    tick_for_many=gettext_lazy(
        "I looked for each of these in the outside system, and none is there"
    ),
    insists=_insisting,
    asserts=Evidence.Verdict.NOT_APPLIED,
    carries_seen=True,
)
