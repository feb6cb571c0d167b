"""The result that a person gives who says that it happened: checked while somebody is there to correct it (P3)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from django.utils.translation import gettext as _

from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.errors import NotJson, OperationRefused, TooLarge
from workflows_app.models import Run
from workflows_app.models.saving import storable
from workflows_app.operations.texts import is_visible
from workflows_app.sdk.json_values import copied, json_value
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.patience import answer_within
from workflows_app.secrets import struck_out

logger = logging.getLogger("workflows_app")

#: How long a person waits for the author's check of a result.
_CHECK_SECONDS = 10.0


def checked_result(run: Run, result: Any) -> Any:
    """Return `result` as `next` will get it. Needs a run with a mutation of its own.

    Where this process has the mutator's code, that tells which fields there must be, and checks them
    by `check_result`. Raises OperationRefused (`result_invalid`).
    """
    mutation = run.mutation
    if result is not None and not isinstance(result, dict):
        refuse_result(
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
        refuse_result(str(error))
    if code is not None:
        _require_fields(code.result_fields, clean or {})
        # As pages give it: the same number is the same result, whoever tells it.
        stripped = {name: clean[name].strip() for name in code.result_fields}
        clean = {**clean, **stripped} if stripped else clean
        seconds = min(_CHECK_SECONDS, limits.handler_timeout_seconds)
        _let_author_check(code, mutation.params, clean, seconds)
    return clean


def _require_fields(fields: Mapping[str, str], result: Mapping[str, Any]) -> None:
    if not fields:
        return
    missing = [name for name in fields if name not in result]
    if missing:
        told = {"missing": _listed(missing), "fields": _told(fields)}
        refuse_result(_("The result lacks %(missing)s. Asked for: %(fields)s.") % told)
    unknown = [name for name in result if name not in fields]
    if unknown:
        told = {"unknown": _listed(unknown), "fields": _told(fields)}
        refuse_result(_("The result has %(unknown)s, which nobody asked for: %(fields)s.") % told)
    for name, label in fields.items():
        value = result[name]
        if not isinstance(value, str) or not is_visible(value):
            told = {"label": label, "name": name}
            refuse_result(_("“%(label)s” (%(name)s) must be a text of visible characters.") % told)


def _let_author_check(code: type[Mutator], params: Any, result: Any, seconds: float) -> None:
    def check() -> None:
        code().check_result(copied(params), copied(result))

    try:
        answer_within(seconds, check, who=f"{code.name}.check_result")
    except ValueError as error:
        refuse_result(
            storable(struck_out(str(error)))
            or _("%(mutator)s does not accept this result, and does not say why.")
            % {"mutator": code.name}
        )
    except Exception:
        # The author's code; the person can do nothing about it but tell its maintainers.
        logger.exception("mutator.check_result_failed mutator=%s", code.name)
        refuse_result(
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


def refuse_result(why: str) -> NoReturn:
    raise OperationRefused("result_invalid", why)
