"""It happened: a person asserts that the outside effect was made; the run goes on from there (P1, P3).

Nothing is sent. What the person found, as the payment's number, is the result that `next` gets. `next`
runs when the person has long gone: what it can't use is refused while somebody is there to correct it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.errors import NotJson, OperationRefused, TooLarge
from workflows_app.models import Evidence, Mutation, OperatorAction, Run
from workflows_app.operations.asking import outside_says
from workflows_app.operations.asserting import Heard, assert_outcome
from workflows_app.operations.base import Decision
from workflows_app.operations.declaration import NOT_BLOCKED, Change, Insisting, Operation
from workflows_app.operations.texts import is_visible
from workflows_app.queries.same_result import run_with_same_result
from workflows_app.sdk.json_values import copied, json_value
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.patience import answer_within
from workflows_app.secrets import struck_out

logger = logging.getLogger("workflows_app")
APPLIED = Evidence.Verdict.APPLIED

#: How long a person waits for the author's check of a result.
_CHECK_SECONDS = 10.0


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
        if not despite_same_result:
            _require_own(run, checked)

    def decide(decision: Decision, run: Run, heard: Heard) -> OperatorAction:
        if heard.finding is None and untold is not None:
            raise untold
        kept = heard.finding.result if heard.finding is not None else None
        if kept is None:
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
        says=APPLIED,
        actor=actor,
        reason=reason,
        seen=seen,
        probe=probe,
        before=check,
        decide=decide,
    )


def checked_result(run: Run, result: Any) -> Any:
    """Return `result` as `next` will get it. Needs a run with a mutation of its own.

    Where this process has the mutator's code, that tells which fields there must be, and checks them
    by `check_result`. Raises OperationRefused (`result_invalid`).
    """
    mutation = run.mutation
    if result is not None and not isinstance(result, dict):
        _refuse(
            _(
                'The result must be a JSON object, as {"number": "4711"}, or nothing at all, not %(type)s.'
            )
            % {"type": type(result).__name__}
        )
    workflow = registry.get(run.workflow.slug)
    code = registry.mutator(run.workflow.slug, mutation.mutator)
    limits = workflow.policy_for(code) if workflow else policy()
    try:
        clean = json_value(result, field="result", limit_bytes=limits.json_max_bytes)
    except (NotJson, TooLarge) as error:
        _refuse(str(error))
    if code is not None:
        _require_fields(code.result_fields, clean or {})
        seconds = min(_CHECK_SECONDS, limits.handler_timeout_seconds)
        _let_author_check(code, mutation.params, clean, seconds)
    return clean


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
        _refuse(
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


def _require_fields(fields: Mapping[str, str], result: Mapping[str, Any]) -> None:
    if not fields:
        return
    missing = [name for name in fields if name not in result]
    if missing:
        told = {"missing": _listed(missing), "fields": _told(fields)}
        _refuse(_("The result lacks %(missing)s. Asked for: %(fields)s.") % told)
    unknown = [name for name in result if name not in fields]
    if unknown:
        told = {"unknown": _listed(unknown), "fields": _told(fields)}
        _refuse(_("The result has %(unknown)s, which nobody asked for: %(fields)s.") % told)
    for name, label in fields.items():
        value = result[name]
        if not isinstance(value, str) or not is_visible(value):
            told = {"label": label, "name": name}
            _refuse(_("“%(label)s” (%(name)s) must be a text of visible characters.") % told)


def _let_author_check(code: type[Mutator], params: Any, result: Any, seconds: float) -> None:
    def check() -> None:
        code().check_result(copied(params), copied(result))

    try:
        answer_within(seconds, check, who=f"{code.name}.check_result")
    except ValueError as error:
        _refuse(
            struck_out(str(error))
            or _("%(mutator)s does not accept this result, and does not say why.")
            % {"mutator": code.name}
        )
    except (Exception, SystemExit):
        # The author's code; the person can do nothing about it but tell its maintainers.
        logger.exception("mutator.check_result_failed mutator=%s", code.name)
        _refuse(
            _(
                "The code of %(mutator)s failed while it checked the result. Nothing was changed. Tell the"
                " maintainers of the workflow: the log says what went wrong."
            )
            % {"mutator": code.name}
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _told(fields: Mapping[str, str]) -> str:
    return ", ".join(f"“{name}” ({label})" for name, label in fields.items())


def _refuse(why: str) -> NoReturn:
    raise OperationRefused("result_invalid", why)


def _outside_tells(run: Run) -> bool:
    """Tell whether the outside system said that it happened when it was asked last: then it tells the result, too."""
    last = run.mutation.evidence.filter(kind=Evidence.Kind.PROBE).order_by("-pk").first()
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
    asks=_result_fields,
    insists=insisting_on_result,
    answered=_answered,
    asks_first=True,
    carries_seen=True,
)
