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
from workflows_app.models import OperatorAction, Run
from workflows_app.operations.base import (
    Operation,
    deciding,
    locked_run,
    require_allowed,
    require_blocked,
)
from workflows_app.sdk.json_values import copied, json_value
from workflows_app.sdk.mutators import Mutator

logger = logging.getLogger("workflows_app")

_PERMISSION = "assert_happened"


def it_happened(run: Run, *, actor: Any, reason: str, result: Any = None) -> OperatorAction:
    """Mark the mutation `applied` with `result`; the run goes on to `next`, its events stay reserved.

    The author's `check_result` is called before anything is locked. Refuses with `not_blocked`,
    `result_invalid`, `permission_denied`, `reason_required`, `unknown_actor`.
    """
    require_allowed(Operation.IT_HAPPENED, _PERMISSION, actor=actor, reason=reason)
    result = _checked_before(run, result)
    with deciding(
        Operation.IT_HAPPENED, _PERMISSION, run.workflow_id, actor=actor, reason=reason
    ) as decision:
        run = locked_run(run)
        require_blocked(run)
        run.mutation.assert_applied(result=result, now=decision.now)
        decision.save(run.mutation)
        run.set_mutated()
        run.unblock()
        run.fencing_token = None
        decision.save(run, ["phase", "status", "fencing_token"])
        return decision.record(run=run)


def _checked_before(run: Run, result: Any) -> Any:
    """Return `checked_result`, unless that refuses it and the run is not blocked anyway."""
    seen = Run.objects.select_related("workflow", "mutation").get(pk=run.pk)
    if not hasattr(seen, "mutation"):
        require_blocked(seen)
    try:
        return checked_result(seen, result)
    except OperationRefused:
        require_blocked(seen)
        raise


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
        if not _is_visible_text(result[name]):
            _refuse(f"“{label}” ({name}) must be a text of visible characters.")


def _is_visible_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    return any(character.isprintable() and not character.isspace() for character in value)


def _let_author_check(code: type[Mutator], params: Any, result: Any) -> None:
    try:
        code().check_result(copied(params), copied(result))
    except ValueError as error:
        _refuse(str(error) or f"{code.name} does not accept this result, and does not say why.")
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
