"""It happened: a person asserts that the outside effect was made; the run goes on from there (P1, P3).

Nothing is sent. What the person found, as the payment's number, is the result that `next` gets. `next`
runs when the person has long gone: what it can't use is refused while somebody is there to correct it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.errors import NotJson, OperationRefused, TooLarge
from workflows_app.models import Evidence, Mutation, OperatorAction, Run
from workflows_app.operations.asserting import Heard, assert_outcome
from workflows_app.operations.base import Decision, Operation
from workflows_app.operations.texts import is_visible
from workflows_app.sdk.json_values import copied, json_value
from workflows_app.sdk.mutators import Mutator
from workflows_app.secrets import struck_out

logger = logging.getLogger("workflows_app")


def it_happened(
    run: Run,
    *,
    actor: Any,
    reason: str,
    result: Any = None,
    seen: Any = None,
    probe: bool = False,
) -> OperatorAction:
    """Mark the mutation `applied` with `result`; the run goes on to `next`, its events stay reserved.

    The author's `check_result` is called before anything is locked. With `probe` the outside system is
    asked first, if it can be: what it says is the result then, and if it says that it did not happen, the
    run fails instead, and is done anew. `seen`: what the person was shown (`operations.seen`); without it
    the decision is on the state now.

    Refuses with `not_blocked`, `result_invalid`, `stale`, `contradicted` (settled by what the outside system
    said), `permission_denied`, `reason_required`, `unknown_actor`.
    """
    checked: list[Any] = []

    def decide(decision: Decision, run: Run, heard: Heard) -> OperatorAction:
        found = heard.finding.result if heard.finding is not None else None
        run.mutation.apply_late(
            result=checked[0] if found is None else found,
            by=Mutation.ResolvedBy.OPERATOR.value,
            now=decision.now,
        )
        decision.save(run.mutation)
        run.set_mutated()
        run.unblock()
        run.fencing_token = None
        decision.save(run, ["phase", "status", "fencing_token"])
        return decision.record(run=run, evidence_seen=heard.evidence_seen)

    return assert_outcome(
        Operation.IT_HAPPENED,
        "assert_happened",
        run,
        says=Evidence.Verdict.APPLIED,
        actor=actor,
        reason=reason,
        seen=seen,
        probe=probe,
        before=lambda fresh: checked.append(checked_result(fresh, result)),
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
            f'The result must be a JSON object, as {{"number": "4711"}}, or nothing at all, not'
            f" {type(result).__name__}."
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
        _let_author_check(code, mutation.params, clean)
    return clean


def _require_fields(fields: Mapping[str, str], result: Mapping[str, Any]) -> None:
    if not fields:
        return
    missing = [name for name in fields if name not in result]
    if missing:
        _refuse(f"The result lacks {_listed(missing)}. Asked for: {_told(fields)}.")
    unknown = [name for name in result if name not in fields]
    if unknown:
        _refuse(f"The result has {_listed(unknown)}, which nobody asked for: {_told(fields)}.")
    for name, label in fields.items():
        value = result[name]
        if not isinstance(value, str) or not is_visible(value):
            _refuse(f"“{label}” ({name}) must be a text of visible characters.")


def _let_author_check(code: type[Mutator], params: Any, result: Any) -> None:
    try:
        code().check_result(copied(params), copied(result))
    except ValueError as error:
        _refuse(
            struck_out(str(error))
            or f"{code.name} does not accept this result, and does not say why."
        )
    except Exception:
        # The author's code; the person can do nothing about it but tell its maintainers.
        logger.exception("mutator.check_result_failed mutator=%s", code.name)
        _refuse(
            f"The code of {code.name} failed while it checked the result. Nothing was changed. Tell"
            f" the maintainers of the workflow: the log says what went wrong."
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _told(fields: Mapping[str, str]) -> str:
    return ", ".join(f"“{name}” ({label})" for name, label in fields.items())


def _refuse(why: str) -> NoReturn:
    raise OperationRefused("result_invalid", why)
