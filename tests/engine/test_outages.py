"""What must not be forgotten is written though sessions end, and what went wrong else is told (P1, P3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Thread
from typing import Any

import pytest
from django.db import InternalError, ProgrammingError, connection, transaction
from django.utils import timezone

from tests.engine.stage import (
    Deploy,
    after,
    calling,
    code,
    consumer,
    host,
    producer,
    row,
    runs,
    send,
    take_one,
)
from tests.owner import as_owner
from workflows_app.engine.advancing import advance
from workflows_app.engine.outages import retry_through_outage
from workflows_app.models import Lease, Run
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

    with _the_first_rest_is_hung_up():
        advanced = advance(row().pk, clock=clock)

    assert advanced.steps == 1
    assert [run.status for run in runs()] == ["committed"]
    assert Lease.objects.get().holder == ""


def _send_from_elsewhere() -> None:
    send()
    connection.close()


@contextmanager
def _the_first_rest_is_hung_up() -> Iterator[None]:
    """Let the server end the session that first gives a claim back."""
    _tell(
        "CREATE SEQUENCE rests",
        """
        CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            IF nextval('rests') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
            RETURN NEW;
        END $$
        """,
        "CREATE TRIGGER hang_up BEFORE UPDATE ON workflows_app_lease FOR EACH ROW"
        " WHEN (OLD.holder <> '' AND NEW.holder = '') EXECUTE FUNCTION hang_up()",
    )
    try:
        yield
    finally:
        _tell(
            "DROP TRIGGER hang_up ON workflows_app_lease",
            "DROP FUNCTION hang_up",
            "DROP SEQUENCE rests",
        )


def _tell(*statements: str) -> None:
    with as_owner(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
