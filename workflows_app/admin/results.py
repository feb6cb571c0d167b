"""The result that a person gave who said that it happened: read back to them, and shown beside the decision (P7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from workflows_app import registry
from workflows_app.admin.seeing import may_see, shown, shown_value
from workflows_app.admin.visible import visible
from workflows_app.models import Evidence, Mutation, OperatorAction
from workflows_app.operations import DECLARED

_LENGTH = 400
_ASSERTS = {each.code: each.asserts for each in DECLARED if each.asserts is not None}


def result_of(action: OperatorAction) -> str:
    """Return the result that stands by the decision `action`, in words; nothing if it gave none."""
    if action.operation != OperatorAction.Operation.IT_HAPPENED or not may_see(Mutation):
        return ""
    mutation = action.run.mutation if action.run is not None else None
    return _in_words(action, shown(mutation).result) if mutation is not None else ""


def what_came_of_it(action: OperatorAction | None, given: Any) -> str:
    """Return what a person is told of `action` once it is made, with a space before it; nothing if there is nothing.

    What the outside system said, if it was asked, and what is kept as the result; `given`: what the person gave.
    """
    told = [_heard(action, given), _kept(action)] if action is not None else []
    return "".join(f" {sentence}" for sentence in told if sentence)


def _kept(action: OperatorAction) -> str:
    result = result_of(action)
    return _("Kept as the result: %(result)s.") % {"result": result} if result else ""


def _heard(action: OperatorAction, given: Any) -> str:
    heard = action.evidence_seen
    if action.operation not in _ASSERTS:
        return ""
    if heard is None or heard.kind != Evidence.Kind.PROBE:
        return _("The outside system was not asked: it is your word that counts.")
    if heard.verdict == Evidence.Verdict.UNKNOWN:
        return _("The outside system was asked, and could not say: it is your word that counts.")
    if heard.verdict != _ASSERTS[OperatorAction.Operation(action.operation)]:
        return _(
            "The outside system was asked, and says the opposite of what you say and of what it said before:"
            " it is your word that counts."
        )
    if not _is_other(action, given):
        return _("The outside system was asked, and says the same.")
    told = _(
        "The outside system was asked, and says that it happened, but with another result. What it says is"
        " kept, and not what you gave: %(given)s."
    )
    return told % {"given": _in_words(action, shown_value(given))}


def _is_other(action: OperatorAction, given: Any) -> bool:
    if not isinstance(given, Mapping) or action.run is None:
        return False
    kept = action.run.mutation.result
    kept = kept if isinstance(kept, Mapping) else {}
    return any(str(kept.get(name, "")) != str(value).strip() for name, value in given.items())


def _in_words(action: OperatorAction, result: Any) -> str:
    """Return `result` with each value after what it is, as the mutator's author calls it.

    Of an answer of the outside system what a person would have told; its own page has all.
    """
    if not isinstance(result, Mapping) or action.run is None:
        return ""
    code = registry.mutator(action.workflow.slug, action.run.mutation.mutator)
    labels = code.result_fields if code is not None else {}
    asked = {name: result[name] for name in labels if name in result}
    told = [f"{labels.get(name, name)}: {value}" for name, value in (asked or result).items()]
    return visible(", ".join(told), _LENGTH)
