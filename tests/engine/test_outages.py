"""What must not be forgotten is written though sessions end, and what went wrong else is told (P1, P3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from threading import Thread
from typing import Any

import pytest
from django.db import (
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)
from django.utils import timezone
from pytest_django import Settings

from tests.engine.stage import (
    Deploy,
    after,
    calling,
    code,
    consumer,
    host,
    mutator,
    producer,
    row,
    runs,
    send,
    take_one,
)
from tests.owner import as_owner
from workflows_app.engine.advancing import advance
from workflows_app.engine.claims import claim
from workflows_app.engine.outages import retry_through_outage
from workflows_app.models import Evidence, Lease, Mutation, Run
from workflows_app.models.clocks import database_now
from workflows_app.sdk import (
    MutationOutcome,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
)
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db(transaction=True)


def hang_up() -> None:
    """Let the server end this session in the middle of a transaction."""
    with transaction.atomic(), as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def read_only() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("CREATE TABLE nothing ()")


class Writer:
    """Writes after some troubles, and counts how often it was called."""

    def __init__(self, *troubles: Callable[[], None]) -> None:
        self.calls = 0
        self._troubles = list(troubles)

    def __call__(self, is_again: bool) -> str:
        assert is_again == (self.calls > 0)
        self.calls += 1
        if self._troubles:
            self._troubles.pop(0)()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "written"


def test_it_is_written_again_until_the_database_takes_it() -> None:
    write = Writer(hang_up, hang_up, read_only)

    assert retry_through_outage(write, within_seconds=60) == "written"
    assert write.calls == 4


def test_what_is_no_outage_is_raised_at_once() -> None:
    def wrong() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing_of_this_name")

    write = Writer(hang_up, wrong)

    with pytest.raises(ProgrammingError, match="nothing_of_this_name"):
        retry_through_outage(write, within_seconds=60)
    assert write.calls == 2


def test_after_its_time_it_raises_what_was_the_matter_last() -> None:
    write = Writer(*[hang_up] * 2, *[read_only] * 50)

    with pytest.raises(InternalError, match="read-only"):
        retry_through_outage(write, within_seconds=1)
    assert 3 <= write.calls < 10


def test_in_a_transaction_of_others_it_is_written_once() -> None:
    write = Writer(read_only)

    with pytest.raises(InternalError, match="read-only"), transaction.atomic():
        retry_through_outage(write, within_seconds=60)
    assert write.calls == 1


@pytest.mark.parametrize("phase", ["prepare", "mutate", "next", "poll"])
def test_authors_code_that_loses_its_session_is_tried_again_later(
    deploy: Deploy, empty_queue: Callable[[], None], phase: str
) -> None:
    troubles = [hang_up]

    def pass_by(where: str) -> None:
        if where == phase and troubles:
            troubles.pop()()

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        pass_by("prepare")
        return take_one(ctx, state)

    def mutate(prepared: PrepareResult) -> None:
        pass_by("mutate")

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        pass_by("next")

    def poll(ctx: PollContext, state: Any) -> None:
        pass_by("poll")

    deploy(code(consumer(prepare, mutate, next), producer(poll)))
    send()
    host()

    failed = Run.objects.get(status="failed")
    assert (failed.failure_kind, failed.owes_retry) == ("transient", phase != "poll")
    if phase != "poll":
        assert failed.retry_due_at is not None
        assert failed.retry_due_at <= after(10)
    said = "terminating connection due to administrator command"
    assert failed.failure_message.startswith(said)

    host(10)
    host(20)
    assert {run.status for run in runs()} == {"failed", "committed"}
    assert not Run.objects.filter(owes_retry=True).exists()
    empty_queue()


def test_what_came_while_a_look_was_lost_is_carried_on(deploy: Deploy) -> None:
    called = scripted("applied")
    deploy(calling(called, None))
    looks: list[datetime] = []

    def clock() -> datetime:
        looks.append(timezone.now())
        if len(looks) == 1:
            thread = Thread(target=_send_from_elsewhere)
            thread.start()
            thread.join()
        return looks[-1]

    with _hung_up("lease", when="OLD.holder <> '' AND NEW.holder = ''"):
        advanced = advance(row().pk, clock=clock)

    assert advanced.steps == 1
    assert [run.status for run in runs()] == ["committed"]
    assert Lease.objects.get().holder == ""


def _send_from_elsewhere() -> None:
    send()
    connection.close()


@pytest.mark.parametrize("seconds", [0.001, 600])
@pytest.mark.parametrize(
    ("comes", "written"),
    [("in time", ("UPDATE", "mutation")), ("late", ("INSERT", "evidence"))],
)
def test_an_answer_that_can_t_be_written_is_kept_for_as_long_as_the_policy_says(
    deploy: Deploy, settings: Settings, comes: str, written: tuple[str, str], seconds: float
) -> None:
    def answers(params: Any, key: str) -> dict[str, str]:
        if comes == "late":
            Lease.objects.update(expires_at=database_now())
            assert claim(row().pk, holder="elsewhere") is not None
        return {"parcel": "7"}

    settings.WORKFLOWS = {"answer_kept_seconds": seconds}
    deploy(calling(mutator(answers)))
    send()
    event, table = written
    # Not once: the first new attempt comes at once.
    is_kept = seconds > 1
    given_up = nullcontext() if is_kept else pytest.raises(OperationalError)
    with _hung_up(table, event, times=3), given_up:
        host()

    known = (Mutation.objects.get().status, Evidence.objects.filter(verdict="applied").count())
    status = "applied" if comes == "in time" and is_kept else "in_flight"
    assert known == (status, int(is_kept))


@contextmanager
def _hung_up(
    table: str, event: str = "UPDATE", *, when: str = "true", times: int = 1
) -> Iterator[None]:
    """Let the server end the sessions that are the first to write so into a table."""
    _tell(
        "CREATE SEQUENCE written",
        f"""
        CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            IF nextval('written') <= {times} THEN
                PERFORM pg_terminate_backend(pg_backend_pid());
            END IF;
            RETURN NEW;
        END $$
        """,
        f"CREATE TRIGGER hang_up BEFORE {event} ON workflows_app_{table} FOR EACH ROW"
        f" WHEN ({when}) EXECUTE FUNCTION hang_up()",
    )
    try:
        yield
    finally:
        _tell(
            f"DROP TRIGGER hang_up ON workflows_app_{table}",
            "DROP FUNCTION hang_up",
            "DROP SEQUENCE written",
        )


def _tell(*statements: str) -> None:
    with as_owner(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
