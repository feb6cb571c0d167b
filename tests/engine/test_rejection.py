"""A sure, final no of the outside system: the consumer handles it, or the run fails (P1, P2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.dying import Dies, crash
from tests.engine.stage import (
    SHIPPED,
    Deploy,
    code,
    consumer,
    evidence_of,
    fresh,
    host,
    last_run,
    mutator,
    reasons,
    runs,
    send,
    status_of,
)
from workflows_app.models import Event, Mutation
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    NotApplied,
    PrepareResult,
    TransientError,
    Workflow,
)

pytestmark = pytest.mark.django_db

NO = "there is no such street"


class _Refusing:
    """A workflow whose calls are refused for good, and which notes what `next` was told."""

    def __init__(
        self,
        *,
        handles: bool = True,
        troubles: Any = None,
        version: str = "1.0",
        caller_fault: bool = False,
    ) -> None:
        self.sent: list[str] = []
        self._caller_fault = caller_fault
        self.told: list[MutationOutcome] = []
        self._troubles = troubles
        carrier = mutator(self._execute)
        ship = consumer(
            mutate=lambda prepared: MutationCall(carrier, {}),
            next=self._next,
            handles_rejection=handles,
        )
        self.workflow: type[Workflow] = code(ship, calls=[carrier], version=version)

    def _execute(self, params: Any, key: str) -> Any:
        self.sent.append(key)
        raise NotApplied(NO, caller_fault=self._caller_fault)

    def _next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        self.told.append(outcome)
        ctx.publish(SHIPPED, message_id=prepared.reservations[0].message_id, payload=outcome.reason)
        if self._troubles:
            self._troubles()
        return outcome.status


REJECTED = MutationOutcome("rejected", reason=NO)


def test_next_is_told_why_and_the_events_are_consumed(deploy: Deploy) -> None:
    refusing = _Refusing()
    deploy(refusing.workflow)
    event = send()
    host()
    run = last_run()

    assert refusing.told == [REJECTED]
    assert (run.status, run.failure_kind, fresh(event).status) == ("committed", "", "consumed")
    assert (run.mutation.status, run.mutation.resolved_by) == ("failed", "response")
    assert evidence_of(run.mutation) == [("execute", "not_applied", NO, 1)]
    assert Event.objects.get(topic__name=SHIPPED).payload == NO
    assert len(refusing.sent) == 1


def test_after_a_crash_next_is_told_the_same_and_nothing_is_sent_again(deploy: Deploy) -> None:
    refusing = _Refusing(troubles=Dies())
    deploy(refusing.workflow)
    event = send()
    dead = crash()
    assert (dead.phase, fresh(event).reserved_by) == ("mutated", dead)
    host()
    host(10)

    assert [run.status for run in runs()] == ["crashed", "committed"]
    assert (refusing.told, len(refusing.sent)) == ([REJECTED] * 2, 1)
    assert Mutation.objects.count() == 1
    assert "pending" not in [status for status, _ in reasons(fresh(event))[1:]]
    assert status_of("1") == "consumed"


def test_a_next_that_fails_is_retried_with_the_same_no(deploy: Deploy) -> None:
    errors = [TransientError("later")]

    def fails_once() -> None:
        if errors:
            raise errors.pop()

    refusing = _Refusing(troubles=fails_once)
    deploy(refusing.workflow)
    event = send()
    host()
    assert (last_run().failure_kind, fresh(event).status) == ("transient", "reserved")
    host(10)

    assert (refusing.told, len(refusing.sent)) == ([REJECTED] * 2, 1)
    assert status_of("1") == "consumed"


def test_a_consumer_that_does_not_handle_it_fails_as_rejected(deploy: Deploy) -> None:
    refusing = _Refusing(handles=False)
    deploy(refusing.workflow)
    event = send()
    host()
    run = last_run()

    assert (run.status, run.failure_kind, run.failure_message) == ("failed", "rejected", NO)
    assert (run.owes_retry, run.retry_due_at) == (True, None)
    assert (refusing.told, fresh(event).status) == ([], "pending")
    assert host(10**8) == 0


def test_a_fault_of_the_caller_is_no_answer_to_the_events(deploy: Deploy) -> None:
    refusing = _Refusing(caller_fault=True)
    deploy(refusing.workflow)
    event = send()
    host()
    run = last_run()

    assert (run.status, run.failure_kind, run.failure_message) == ("failed", "logic", NO)
    assert (run.owes_retry, run.retry_due_at) == (True, None)
    assert (refusing.told, fresh(event).status) == ([], "pending")


def test_new_code_that_handles_it_asks_once_more_and_is_told(deploy: Deploy) -> None:
    deploy(_Refusing(handles=False).workflow)
    send()
    host()
    refusing = _Refusing(version="1.1")
    deploy(refusing.workflow)
    host()

    assert (refusing.told, len(refusing.sent)) == ([REJECTED], 1)
    assert [run.status for run in runs() if run.reservations.exists()] == ["failed", "committed"]
    assert status_of("1") == "consumed"
