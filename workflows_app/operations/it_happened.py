"""It happened: a person asserts that the outside effect was made; the run goes on from there (P1, P3).

Nothing is sent. What the person found, as the payment's number, is the result that `next` gets. `next`
runs when the person has long gone: what it can't use is refused while somebody is there to correct it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app import registry
from workflows_app.errors import OperationRefused
from workflows_app.models import Evidence, Mutation, OperatorAction, Run
from workflows_app.operations.asserting import Heard, assert_outcome
from workflows_app.operations.base import Decision
from workflows_app.operations.declaration import NOT_BLOCKED, Change, Insisting, Operation
from workflows_app.operations.given_result import checked_result, refuse_result
from workflows_app.operations.heard import last_probe, outside_says, said
from workflows_app.operations.texts import is_visible
from workflows_app.queries.same_result import run_with_same_result

APPLIED = Evidence.Verdict.APPLIED


def it_happened(
    run: Run,
    *,
    actor: Any,
    reason: str,
    result: Any = None,
    seen: Any = None,
    probe: bool = False,
    despite_same_result: bool = False,
) -> OperatorAction:
    """Mark the mutation `applied` with `result`; the run goes on to `next`, its events stay reserved.

    The author's `check_result` is called before anything is locked. With `probe` the outside system is
    asked first, if it can be: what it says is the result then, and if it says that it did not happen, the
    run fails instead, and is done anew. If it was asked before, and said so, `result` may be left out.
    `seen`: what the person was shown (`operations.seen`); without it the decision is on the state now.
    `despite_same_result`: another run has this result already, and the person knows that it is right for both.

    Refuses with `not_blocked`, `result_invalid`, `stale`, `contradicted` (settled by what the outside system
    said), `permission_denied`, `reason_required`, `unknown_actor`.
    """
    checked: Any = None
    untold: OperationRefused | None = None

    def require_own(run: Run, result: Any) -> None:
        if not despite_same_result:
            _require_own(run, result)

    def check(run: Run) -> None:
        nonlocal checked, untold
        try:
            checked = checked_result(run, result)
        except OperationRefused as refused:
            if result is not None or not probe or not _outside_tells(run):
                raise
            # What it answers now is the result. If it can't say any more, the person must.
            untold = refused
            return
        require_own(run, checked)

    def decide(decision: Decision, run: Run, heard: Heard) -> OperatorAction:
        if heard.finding is None and untold is not None:
            raise untold
        kept = heard.finding.result if heard.finding is not None else None
        if kept is None:
            # While the outside system was asked, another run may have got it.
            require_own(run, checked)
            kept = checked
        run.mutation.apply_late(
            result=kept,
            by=Mutation.ResolvedBy.OPERATOR.value,
            now=decision.now,
        )
        decision.save(run.mutation)
        decision.go_on(run)
        return decision.record(run=run, evidence_seen=heard.evidence_seen)

    return assert_outcome(
        IT_HAPPENED,
        run,
        actor=actor,
        reason=reason,
        seen=seen,
        probe=probe,
        before=check,
        decide=decide,
    )


def insisting_on_result(run: Run, told: Mapping[str, str]) -> Insisting | None:
    """Return what It happened needs if another run has the result `told` already."""
    other = _other_with(run, told)
    if other is None:
        return None
    words = _("Run %(run)d has the same result, and I know that it is right for both")
    return Insisting("despite_same_result", words % {"run": other}, other)


def _require_own(run: Run, result: Mapping[str, Any] | None) -> None:
    code = registry.mutator(run.workflow.slug, run.mutation.mutator)
    if code is None or not code.result_fields:
        return
    other = _other_with(run, result or {})
    if other is not None:
        told = {
            "what": ", ".join(
                f"{label}: {(result or {})[name]}" for name, label in code.result_fields.items()
            ),
            "run": other,
        }
        refuse_result(
            _(
                "%(what)s. This is already the result of run %(run)d. Look again whether it is that of this run."
                " If it is right for both, say so."
            )
            % told
        )


def _other_with(run: Run, told: Mapping[str, str]) -> int | None:
    """Return another run whose effect has the result that a person tells of `run`."""
    is_told = told and all(isinstance(value, str) and is_visible(value) for value in told.values())
    return run_with_same_result(run.mutation, told) if is_told else None


def _outside_tells(run: Run) -> bool:
    """Tell whether the outside system said that it happened when it was asked last: then it tells the result, too."""
    last = last_probe(run)
    return last is not None and last.verdict == APPLIED and outside_says(run, APPLIED)


def _answered(run: Run, answers: Mapping[str, str]) -> dict[str, Any]:
    if not answers and _outside_tells(run):
        return {"result": None}
    return {"result": checked_result(run, answers or None)}


def _reasons(run: Run) -> Sequence[str]:
    if outside_says(run, APPLIED):
        return [_("The outside system was asked, and says that it happened.")]
    return [_("I looked in the outside system, and it is there.")]


def _result_fields(run: Run) -> Mapping[str, str]:
    """Return what the mutator of the blocked `run` wants to be told: nothing if the outside system tells it."""
    if run.status != Run.Status.BLOCKED or _outside_tells(run):
        return {}
    mutator = registry.mutator(run.workflow.slug, run.mutation.mutator)
    return mutator.result_fields if mutator is not None else {}


def _stands_on_word_alone(run: Run) -> bool:
    """Tell whether there would be nothing for it but that a person says so: no result of theirs, no answer."""
    return run.status == Run.Status.BLOCKED and not _result_fields(run) and said(run) != APPLIED


IT_HAPPENED = Operation(
    code=OperatorAction.Operation.IT_HAPPENED,
    function=it_happened,
    target=Run,
    refuses=NOT_BLOCKED,
    change=Change((Run.Status.BLOCKED,), Run.Status.ACTIVE, effect=Mutation.Status.APPLIED),
    icon="check_circle",
    hint=gettext_lazy(
        "If it is there, in the outside system. Nothing is sent, and the workflow goes on."
    ),
    offered_reasons=_reasons,
    consequence=gettext_lazy(
        "You say that it did happen. Nothing is sent, and the run goes on as if the answer had arrived."
    ),
    warning=gettext_lazy(
        "If it did not happen, nobody will ever do it. Look in the outside system first."
    ),
    done=gettext_lazy("the run goes on from there."),
    tick_for_many=gettext_lazy(
        "I looked for each of these in the outside system, and each is there"
    ),
    needs_tick=_stands_on_word_alone,
    asks=_result_fields,
    insists=insisting_on_result,
    answered=_answered,
    asserts=APPLIED,
    carries_seen=True,
)
