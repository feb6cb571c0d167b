"""`record`: the team's own rows commit with the run, exactly once (P1, P2, P8)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models.functions import Now

from tests.engine.dying import Dies, crash
from tests.engine.stage import (
    Deploy,
    after,
    by_payload,
    code,
    consumer,
    fresh,
    host,
    last_run,
    row,
    runs,
    seen_from_outside,
    send,
    status_of,
)
from tests.engine.worker import PATIENCE_SECONDS, never, work
from workflows_app.engine.claims import claim
from workflows_app.models import Event, Lease
from workflows_app.sdk import MutationCall, MutationOutcome, NextContext, PrepareResult, Workflow
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]


@pytest.fixture
def write(operator_user: User) -> Callable[[str], None]:
    """`write(text)`: write a row of the team's own."""

    def write(text: str) -> None:
        LogEntry.objects.create(user=operator_user, action_flag=ADDITION, change_message=text)

    return write


def _written() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


def _recording(record: Callable[[str], None], next: Any = None, **policy: Any) -> type[Workflow]:
    """Return a workflow that ships by a call, and whose `record` gets the number of each order."""
    called = scripted("applied")

    def recorded(prepared: PrepareResult, outcome: MutationOutcome) -> None:
        assert outcome.status == "applied"
        assert prepared.data, "whatever next did to its copy"
        record(prepared.reservations[0].message_id)

    ship = consumer(
        mutate=lambda prepared: MutationCall(called, {}),
        next=next,
        lane=by_payload,
        record=recorded,
    )
    return code(ship, calls=[called], policy=policy)


def test_what_record_writes_commits_with_the_run(
    deploy: Deploy, write: Callable[[str], None]
) -> None:
    inside: list[tuple[list[str], str]] = []

    def record(message_id: str) -> None:
        write(message_id)
        inside.append(seen_from_outside(lambda: (_written(), status_of(message_id))))

    deploy(_recording(record, next=lambda ctx, prepared, outcome: prepared.data.clear()))
    send("1")
    send("2")
    host()

    assert _written() == ["1", "2"]
    assert inside == [([], "reserved"), (["1"], "reserved")]
    assert (status_of("1"), status_of("2")) == ("consumed", "consumed")


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_a_look_that_takes_nothing_records_nothing(
    deploy: Deploy, write: Callable[[str], None]
) -> None:
    deploy(
        code(
            consumer(
                lambda ctx, state: PrepareResult.nothing(),
                record=lambda prepared, outcome: write("looked"),
            )
        )
    )
    send()
    host()

    assert (last_run().status, _written()) == ("committed", [])


@pytest.mark.parametrize("where", ["next", "record"])
def test_after_a_crash_it_is_written_once(
    deploy: Deploy, write: Callable[[str], None], where: str
) -> None:
    dies = Dies()

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        if where == "next":
            dies()

    def record(message_id: str) -> None:
        write(message_id)
        if where == "record":
            dies()

    deploy(_recording(record, next))
    send()
    crash()
    assert (_written(), status_of("1")) == ([], "reserved")
    host()
    host(10)

    assert [run.status for run in runs()] == ["crashed", "committed"]
    assert (_written(), status_of("1")) == (["1"], "consumed")


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        (lambda: transaction.set_rollback(True), []),
        (lambda: connection.close(), []),
        (lambda: _execute("COMMIT"), ["1"]),
        (lambda: _execute("ROLLBACK"), []),
        (lambda: _execute("COMMIT", "BEGIN"), ["1"]),
        (lambda: _execute("ROLLBACK", "BEGIN"), []),
        (lambda: _execute("SET TRANSACTION READ ONLY"), []),
        (lambda: _execute("SET TRANSACTION READ ONLY", "DELETE FROM django_admin_log"), []),
        (lambda: _execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"), []),
    ],
)
def test_a_record_that_ends_or_changes_the_transaction_is_a_logic_failure_and_no_endless_try(
    deploy: Deploy, write: Callable[[str], None], end: Callable[[], Any], kept: list[str]
) -> None:
    def record(message_id: str) -> None:
        write(message_id)
        end()

    deploy(_recording(record))
    event = send()
    host()
    run = last_run()

    assert (run.status, run.failure_kind, run.failure_phase) == ("failed", "logic", "emitting")
    assert run.failure_message.startswith("Ship.record ended the transaction in which its rows")
    assert (fresh(event).status, run.mutation.status, _written()) == ("reserved", "applied", kept)


def test_a_worker_that_was_overtaken_in_record_writes_nothing(
    deploy: Deploy, write: Callable[[str], None]
) -> None:
    taken: list[bool] = []

    def take_over() -> None:
        Lease.objects.update(expires_at=Now() - timedelta(seconds=1))
        assert claim(row().pk) is not None
        Lease.objects.update(holder="elsewhere 1 1")

    def record(message_id: str) -> None:
        write(message_id)
        if not taken:
            taken.append(True)
            seen_from_outside(take_over)

    deploy(_recording(record))
    event = send()
    host()
    assert (_written(), fresh(event).status, last_run().status) == ([], "reserved", "active")

    Lease.objects.update(expires_at=Now() - timedelta(seconds=1))
    host()
    host(10)
    assert (_written(), fresh(event).status) == (["1"], "consumed")


def test_a_slow_record_holds_up_nobody(deploy: Deploy, write: Callable[[str], None]) -> None:
    slow_one_began, other_is_done = threading.Event(), threading.Event()

    def record(message_id: str) -> None:
        if message_id == "slow":
            slow_one_began.set()
            assert other_is_done.wait(PATIENCE_SECONDS)
        else:
            assert slow_one_began.wait(PATIENCE_SECONDS)
        write(message_id)

    def is_over() -> bool:
        statuses = dict(Event.objects.values_list("message_id", "status"))
        if statuses["quick"] == "consumed":
            other_is_done.set()
        return set(statuses.values()) == {"consumed"}

    deploy(_recording(record))
    send("slow", "a")
    send("quick", "b")
    work(is_over)

    assert _written() == ["quick", "slow"]


def test_a_record_that_outlasts_its_time_writes_nothing_and_its_retry_does(
    deploy: Deploy, write: Callable[[str], None]
) -> None:
    released, is_over = threading.Event(), threading.Event()
    late: list[str] = []

    def record(message_id: str) -> None:
        is_first, _ = not late, late.append(message_id)
        write(message_id)
        if is_first:
            assert released.wait(PATIENCE_SECONDS)
            is_over.set()

    deploy(_recording(record, handler_timeout_seconds=0.5))
    send()
    work(lambda: "crashed" in {run.status for run in runs()})
    released.set()
    assert is_over.wait(PATIENCE_SECONDS)
    work(never, at=after(10))

    assert [run.status for run in runs()] == ["crashed", "committed"]
    assert (_written(), status_of("1"), len(late)) == (["1"], "consumed", 2)
