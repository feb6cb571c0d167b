"""A worker that is held up, or loses the database, sends nothing late and forgets nothing (P1, P3)."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from django.db import connection

from tests.engine.stage import (
    Deploy,
    calling,
    code,
    consumer,
    evidence_of,
    host,
    last_run,
    mutator,
    runs,
    send,
    status_of,
    take_one,
)
from tests.owner import as_owner
from workflows_app.sdk import MutationCall, PrepareContext, PrepareResult, Reconciliation


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("seconds_between_looks", "limit"),
    [(31, 600), (3, 2)],
    ids=["its claim may be over", "nobody waits for it any more"],
)
def test_a_call_that_cannot_begin_in_time_is_not_made(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, seconds_between_looks: int, limit: int
) -> None:
    # As if the machine was suspended again and again, between all looks at the clock.
    seconds = itertools.count(step=seconds_between_looks)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: float(next(seconds)))
    policy = {"call_timeout_seconds": limit}
    called = mutator(lambda params, key: pytest.fail("it must not be sent"), policy=policy)
    deploy(calling(called))
    send()
    host()
    run = last_run()

    assert (run.status, run.failure_kind, run.mutation.status) == ("failed", "transient", "failed")
    assert evidence_of(run.mutation) == [
        ("execute", "not_applied", "the worker was held up, and did not send it", 1)
    ]
    assert (status_of("1"), run.retry_due_at is not None) == ("pending", True)


def _losing_the_database_in(where: str) -> Any:
    """Return a workflow whose host loses its connection while the outside is called or asked."""
    hosts: list[int] = []
    calls: list[str] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            hosts.append(cursor.fetchone()[0])
        return take_one(ctx, state)

    def act(name: str) -> None:
        calls.append(name)
        if name == where:
            with as_owner(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 60000)", [hosts[0]])
                assert cursor.fetchone() == (True,), "the host's connection is gone"

    def execute(params: Any, key: str) -> Any:
        act("execute")
        if where == "reconcile":
            raise ConnectionError("reset")
        return {"parcel": 7}

    def reconcile(params: Any, key: str) -> Reconciliation:
        act("reconcile")
        return Reconciliation.applied({"parcel": 7})

    carrier = mutator(execute, reconcile)
    handler = consumer(prepare, lambda prepared: MutationCall(carrier, {}))
    return code(handler, calls=[carrier]), calls


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("where", "resolved_by", "calls"),
    [("execute", "response", ["execute"]), ("reconcile", "reconcile", ["execute", "reconcile"])],
)
def test_an_answer_that_came_while_the_connection_was_lost_is_written_down(
    deploy: Deploy, where: str, resolved_by: str, calls: list[str]
) -> None:
    flow, made = _losing_the_database_in(where)
    deploy(flow)
    send()
    host()
    (run,) = runs()

    assert made == calls
    assert (run.status, run.mutation.status) == ("committed", "applied")
    assert (run.mutation.resolved_by, run.mutation.result) == (resolved_by, {"parcel": 7})
    assert status_of("1") == "consumed"
