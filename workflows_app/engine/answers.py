"""Reading the answers of mutators: what each says about the outside effect (P1, P3).

Only `NotApplied` and a reconciliation say "it did not happen". All else is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from workflows_app.conf import Policy
from workflows_app.engine.jobs import Answer
from workflows_app.engine.phases import cut, said_by, traceback_of
from workflows_app.errors import WorkflowsError
from workflows_app.models import Evidence
from workflows_app.models.saving import storable
from workflows_app.sdk.deadlines import machine_seconds
from workflows_app.sdk.failures import NotApplied
from workflows_app.sdk.json_values import json_value
from workflows_app.sdk.raised import is_for_caller
from workflows_app.sdk.values import Reconciliation
from workflows_app.secrets import struck_out, struck_out_of

Verdict = Evidence.Verdict
DETAIL_LENGTH = 2000


@dataclass(frozen=True)
class Finding:
    """What one answer says about the outside effect."""

    verdict: Verdict
    detail: str = ""
    result: Any = None
    retryable: bool = True
    caller_fault: bool = False
    unsent: bool = False
    duration_ms: int = 0
    #: When the call or question was given, by `machine_seconds`.
    began: float = field(default_factory=machine_seconds, compare=False)
    traceback: str = ""
    #: It answers a question: "not there" proves nothing while the search of the outside system may lag.
    is_of_question: bool = False

    @property
    def is_rejection(self) -> bool:
        """Tell whether the outside system said no to this call, for good."""
        return not (self.retryable or self.caller_fault)

    @property
    def told(self) -> str:
        """Return the detail as it can be stored, of a length that a page can show."""
        return storable(cut(self.detail, DETAIL_LENGTH))


def read_execute(answer: Answer, policy: Policy) -> Finding:
    """Return what the answer of `execute` says. Raises nothing."""
    return _read(answer, policy, _of_execute)


def read_reconcile(answer: Answer, policy: Policy) -> Finding:
    """Return what the answer of `reconcile` says. Raises nothing."""
    return replace(_read(answer, policy, _of_reconcile), is_of_question=True)


def _read(answer: Answer, policy: Policy, read: Callable[[Answer, Policy], Finding]) -> Finding:
    try:
        found = read(answer, policy)
    except BaseException as error:
        if is_for_caller(error):
            raise
        # An object of the author's that is not what it seems. Whoever waits for the answer must hear of it.
        unread = replace(answer, value=None, error=error, timed_out=False)
        found = _unknown(unread, policy)
        found = replace(found, detail=f"the answer can't be read: {found.detail}")
    return replace(found, duration_ms=answer.duration_ms, began=answer.began)


def _of_execute(answer: Answer, policy: Policy) -> Finding:
    if isinstance(answer.error, NotApplied):
        return Finding(
            Verdict.NOT_APPLIED,
            struck_out(answer.error.reason) or "the mutator is sure that it did not happen",
            retryable=answer.error.retryable,
            caller_fault=answer.error.caller_fault,
            unsent=answer.error.unsent,
        )
    if answer.timed_out or answer.error is not None:
        return _unknown(answer, policy)
    return _applied(answer.value, policy)


def _of_reconcile(answer: Answer, policy: Policy) -> Finding:
    if answer.timed_out or answer.error is not None:
        return _unknown(answer, policy)
    found = answer.value
    if not isinstance(found, Reconciliation):
        detail = f"reconcile returned {type(found).__name__}, no Reconciliation"
        return Finding(Verdict.UNKNOWN, detail)
    if found.verdict == "applied":
        return _applied(found.result, policy)
    verdict = Verdict.NOT_APPLIED if found.verdict == "not_applied" else Verdict.UNKNOWN
    return Finding(verdict, struck_out(str(found.why)))


def _applied(result: Any, policy: Policy) -> Finding:
    try:
        clean = json_value(result, field="result", limit_bytes=policy.json_max_bytes)
    except WorkflowsError as error:
        detail = struck_out(f"the call returned, but {error} It returned: {_shown(result)}")
        return Finding(Verdict.UNKNOWN, detail)
    return Finding(Verdict.APPLIED, result=struck_out_of(clean))


def _shown(result: Any) -> str:
    try:
        return f"{type(result).__name__} {result!r:.200}"
    except BaseException as error:
        if is_for_caller(error):
            raise
        return type(result).__name__


def _unknown(answer: Answer, policy: Policy) -> Finding:
    if answer.timed_out:
        detail = f"no answer within {policy.call_timeout_seconds:g} s"
        return Finding(Verdict.UNKNOWN, detail)
    error = answer.error
    assert error is not None, "a call gives a value, an error, or no answer in time"
    detail = f"{type(error).__name__}: {said_by(error)}"
    where = storable(traceback_of(error))
    return Finding(Verdict.UNKNOWN, detail, duration_ms=answer.duration_ms, traceback=where)
