"""A hint for handlers that write rows where they are not undone and not written once (P2)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from psycopg import sql
from psycopg.adapt import Dumper

from tests.engine.stage import (
    SHIPPED,
    Deploy,
    code,
    consumer,
    host,
    last_run,
    mutator,
    producer,
    send,
    take_one,
)
from tests.engine.worker import never, work
from workflows_app import registry
from workflows_app.sdk import MutationCall, NextContext, PrepareResult
from workflows_app.sdk.writes import looked_at, table_written
from workflows_app.testing import RowsWrittenOutsideRecord

HINT = (
    "handler.wrote workflow=ship handler=Writes.{0} phase={0} table=auth_group hint={0} may be called again, and what it"
    " writes is not undone; write rows in record, which commits with the run"
)


def _writes(*_: Any) -> None:
    Group.objects.create(name="a")
    Group.objects.filter(name="a").update(name="b")
    Group.objects.filter(name="b").delete()


def _publish(ctx: NextContext, message_id: str) -> None:
    ctx.publish(SHIPPED, message_id=message_id, payload=0)


def _writing(phase: str) -> Any:
    """Return a workflow that writes rows of its own at the end of one phase, and reads some in each."""

    def does(name: str, then: Callable[..., Any] = lambda *_: None) -> Callable[..., Any]:
        def handler(*arguments: Any) -> Any:
            list(Group.objects.all())
            found = then(*arguments)
            if phase == name:
                _writes()
            return found

        return handler

    called = mutator(does("execute", lambda *_: {}))
    ship = consumer(
        does("prepare", take_one),
        does("mutate", lambda prepared: MutationCall(called, {})),
        # Its event is named a lane meanwhile, which is looked at as well.
        does("next", lambda ctx, prepared, _: _publish(ctx, prepared.reservations[0].message_id)),
        lane=does("lane", lambda event: "a"),
        record=does("record"),
        name=f"Writes.{phase}",
    )
    nothing = lambda *_: PrepareResult.nothing()  # noqa: E731 - it becomes a method
    tell = consumer(
        nothing, name="Tell", subscribes=[SHIPPED], publishes=[], lane=lambda event: "a"
    )
    return code(ship, tell, producer(does("poll"), publishes=[]), calls=[called])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "phase", ["prepare", "mutate", "next", "lane", "record", "execute", "poll"]
)
def test_a_phase_that_may_be_called_again_and_writes_is_told_of_once_a_worker_and_once_a_drain(
    deploy: Deploy, caplog: pytest.LogCaptureFixture, phase: str
) -> None:
    hints = [HINT.format(phase)] if phase in ("prepare", "mutate", "next", "lane") else []
    deploy(_writing(phase))

    def received(message_id: str) -> None:
        with registry.override(code(consumer(), version="1.9")):
            send(message_id)

    for message_id in ("1", "2"):
        received(message_id)
        work(never)
    received("3")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", RowsWrittenOutsideRecord)
        host()

    assert last_run().status == "committed"
    told = [each for each in caplog.messages if each.startswith("handler.wrote")]
    assert (told, [str(each.message) for each in warned]) == (hints, hints)


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ('INSERT INTO "auth_group" ("name") VALUES (%s)', "auth_group"),
        ('/* by */ -- a\n update only "a"."b" SET x = 1', "a.b"),
        ("DELETE FROM x WHERE y IN (SELECT 1)", "x"),
        ("WITH gone AS (DELETE FROM x RETURNING *) SELECT * FROM gone", "x"),
        ("WITH old AS (SELECT 1) INSERT INTO x SELECT * FROM old", "x"),
        ("TRUNCATE x", "x"),
        ("WITH old AS (SELECT 1 FOR UPDATE) SELECT * FROM old", ""),
        ("SELECT 'INSERT INTO x'", ""),
        ("SAVEPOINT a", ""),
        # Ways to read many comments are no ways to read them together.
        pytest.param("/* a */ " * 1_000 + "SELECT 1", "", id="many comments"),
        pytest.param("/* a */ " * 1_000 + "DELETE FROM x", "x", id="many comments before"),
        (sql.SQL("UPDATE {} SET y = 1").format(sql.Identifier("x")), "x"),
        (b"no text", ""),
    ],
)
def test_what_a_statement_writes_to(statement: object, table: str) -> None:
    assert table_written(statement, None) == table


class _Money:
    """What this connection alone can send."""


class _MoneyDumper(Dumper):
    def dump(self, obj: _Money) -> bytes:
        return b"5"


@pytest.mark.django_db
def test_statements_with_values_of_an_author_s_own_kind_are_executed_as_ever() -> None:
    connection.ensure_connection()
    connection.connection.adapters.register_dumper(_Money, _MoneyDumper)
    with connection.cursor() as cursor:
        with looked_at("ship", "Writes.money", "prepare"):
            cursor.execute(sql.SQL("SELECT {}").format(sql.Literal(_Money())))
        assert cursor.fetchone() == ("5",)
