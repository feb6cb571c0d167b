"""What a failure means (P2, P3): transient is retried with backoff, the rest waits, nothing is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from tests.engine.stage import (
    NOW,
    RECEIVED,
    SHIPPED,
    Deploy,
    code,
    consumer,
    fresh,
    host,
    last_run,
    producer,
    reasons,
    row,
    runs,
    send,
    status_of,
    waits_about,
)
from workflows_app.models import Run
from workflows_app.operations import retry_failed_run
from workflows_app.sdk import (
    Every,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
    TransientError,
    Workflow,
)

pytestmark = pytest.mark.django_db

Deployed = Callable[[Callable[[], Any]], type[Workflow]]


def _in_prepare(act: Callable[[], Any]) -> type[Workflow]:
    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        act()
        return PrepareResult(ctx.peek(RECEIVED))

    return code(consumer(prepare))


def _in_mutate(act: Callable[[], Any]) -> type[Workflow]:
    return code(consumer(mutate=lambda prepared: act()))


def _in_next(act: Callable[[], Any]) -> type[Workflow]:
    return code(consumer(next=lambda ctx, prepared, outcome: act()))


PHASES: dict[str, tuple[Deployed, str]] = {
    "prepare": (_in_prepare, "preparing"),
    "mutate": (_in_mutate, "prepared"),
    "next": (_in_next, "emitting"),
}


class _Fails:
    """Raises `error` the first `times`, then does nothing."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.left = times

    def __call__(self) -> None:
        self.left -= 1
        if self.left >= 0:
            raise self.error


@pytest.mark.parametrize("where", PHASES)
def test_a_transient_failure_is_retried_after_the_backoff(deploy: Deploy, where: str) -> None:
    build, phase = PHASES[where]
    deploy(build(_Fails(TransientError("the ERP is down"), times=1)))
    send()
    host()
    failed = next(run for run in runs() if run.status == "failed")

    assert (failed.failure_kind, failed.failure_phase) == ("transient", phase)
    assert failed.failure_message == "the ERP is down"
    assert failed.failure_traceback.rstrip().endswith("TransientError: the ERP is down")
    assert (str(failed.version), failed.ended_at) == ("1.0", NOW)
    assert waits_about(failed, 10)
    assert host(7.9) == 0, "nothing else of the workflow starts meanwhile"
    assert not row().is_blocked, "it comes back by itself"

    host(10)
    retry = Run.objects.get(retry_of=failed)
    assert (retry.status, retry.earlier_failures) == ("committed", 1)
    assert retry.history.earliest().history_change_reason == f"retry of run {failed.pk}"
    assert Run.objects.get(pk=failed.pk).owes_retry is False
    assert not row().is_blocked
    assert status_of("1") == "consumed"


def test_the_backoff_doubles_up_to_the_limit_and_then_a_person_is_needed(
    deploy: Deploy, operator_user: User
) -> None:
    policy = {"transient_retries": 4, "backoff_max_seconds": 35}
    flow = _in_prepare(_Fails(TransientError("down"), times=5))
    flow.policy = policy
    deploy(flow)
    send()
    waits: list[timedelta] = []
    now = NOW
    for _ in range(4):
        host((now - NOW).total_seconds())
        due = last_run().retry_due_at
        assert due is not None
        waits.append(due - now)
        now = due
    host((now - NOW).total_seconds())

    for wait, seconds in zip(waits, (10, 20, 35, 35), strict=True):
        assert 0.8 * seconds <= wait.total_seconds() <= seconds
    last = last_run()
    assert [run.earlier_failures for run in runs()] == [0, 1, 2, 3, 4]
    assert (last.status, last.failure_kind, last.owes_retry) == ("failed", "transient", True)
    assert last.retry_due_at is None
    assert host(10**8) == 0

    retry_failed_run(last, actor=operator_user, reason="the ERP is up again")
    host(10**8)
    assert (last_run().status, last_run().earlier_failures) == ("committed", 0)


@pytest.mark.parametrize("where", PHASES)
def test_a_fault_of_the_code_waits_for_other_code_and_is_told_as_an_error(
    deploy: Deploy, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    build, phase = PHASES[where]
    deploy(build(_Fails(KeyError("amount"), times=1)))
    event = send()
    host()
    failed = next(run for run in runs() if run.status == "failed")

    assert (failed.failure_kind, failed.failure_phase) == ("logic", phase)
    assert failed.failure_message == "KeyError: 'amount'"
    assert failed.failure_traceback.rstrip().endswith("KeyError: 'amount'")
    assert (failed.owes_retry, failed.retry_due_at) == (True, None)
    assert fresh(event).status == "pending"
    (told,) = (one for one in caplog.records if one.getMessage().startswith("run.failed"))
    assert (told.levelno, told.getMessage()) == (
        logging.ERROR,
        f"run.failed workflow=ship run={failed.pk} lane= kind=logic retry_due_at=None"
        " waits_for=Retry now, Skip event, or a new version",
    )
    assert host(10**8) == 0


@pytest.mark.parametrize(
    ("error", "kind"), [(TransientError("the ERP is down"), "transient"), (KeyError("id"), "logic")]
)
def test_a_failed_poll_owes_nothing_and_polls_again_after_the_backoff(
    deploy: Deploy, error: Exception, kind: str
) -> None:
    fails = _Fails(error, times=2)
    deploy(code(producer(lambda ctx, state: fails(), Every(hours=1)), consumer()))
    host()
    failed = last_run()

    assert (failed.status, failed.failure_kind, failed.failure_phase) == (
        "failed",
        kind,
        "preparing",
    )
    assert (failed.owes_retry, failed.retry_due_at) == (False, None)
    assert not row().is_blocked
    send()
    host(1)
    assert status_of("1") == "consumed", "a poll that fails holds its own lane only"

    assert [host(7.9), host(10)] == [0, 1]
    assert [host(10 + 15.9), host(10 + 20)] == [0, 1], "it doubles"
    polls = Run.objects.filter(handler__kind="producer").order_by("pk")
    assert [run.status for run in polls] == ["failed", "failed", "committed"]
    assert [run.retry_of for run in polls] == [None] * 3


def test_a_failed_poll_is_not_due_later_than_its_schedule_says(deploy: Deploy) -> None:
    fails = _Fails(ValueError("a typo"), times=1)
    deploy(code(producer(lambda ctx, state: fails(), Every(seconds=3))))
    host()
    host(3)

    assert [run.status for run in runs()] == ["failed", "committed"]


def test_events_are_released_with_the_reason_when_nothing_was_done_outside(deploy: Deploy) -> None:
    deploy(_in_next(_Fails(ValueError("no address"), times=1)))
    event = send()
    host()
    run = last_run()

    assert reasons(fresh(event)) == [
        ("pending", "published by the application"),
        ("reserved", f"reserved by run {run.pk}"),
        ("pending", f"run {run.pk} failed (logic): ValueError: no address"),
    ]
    assert run.reservations.get().event == event, "what it had reserved stays known"


@pytest.mark.parametrize("undone", [DeadlockDetected, LockNotAvailable, SerializationFailure])
def test_what_the_database_undid_for_another_one_is_tried_again(
    deploy: Deploy, undone: type[Exception]
) -> None:
    error = OperationalError("somebody else was first")
    error.__cause__ = undone()
    deploy(_in_next(_Fails(error, times=1)))
    send()
    host()

    assert (last_run().failure_kind, last_run().failure_message) == (
        "transient",
        "somebody else was first",
    )


def test_an_error_without_words_is_told_by_its_name(deploy: Deploy) -> None:
    deploy(_in_prepare(_Fails(AssertionError(), times=1)))
    send()
    host()

    assert last_run().failure_message == "AssertionError"


class _Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("bad \x00 byte"), "ValueError: bad \\x00 byte"),
        (ValueError("half \ud800 pair"), "ValueError: half \\ud800 pair"),
        (_Speechless(), "_Speechless: its text can't be read"),
    ],
    ids=["NUL", "surrogate", "speechless"],
)
def test_an_error_whose_text_the_database_cannot_keep_still_ends_the_run(
    deploy: Deploy, error: Exception, message: str
) -> None:
    deploy(_in_prepare(_Fails(error, times=1)))
    send()
    host()

    assert (last_run().status, last_run().failure_message) == ("failed", message)


def test_what_publishing_would_do_is_not_done_when_next_fails(deploy: Deploy) -> None:
    def fails(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        ctx.publish(SHIPPED, message_id="1", payload=0)
        raise TransientError("later")

    deploy(code(consumer(next=fails)))
    send()
    host()

    assert not row().topics.get(name=SHIPPED).events.exists()
