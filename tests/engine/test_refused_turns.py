"""A turn that the database refuses is done again run by run: a bad row fails alone (P1, P8)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.engine.stage import (
    SHIPPED,
    SLUG,
    Deploy,
    by_payload,
    code,
    consumer,
    evidence_of,
    host,
    last_run,
    mutator,
    runs,
    send,
    status_of,
)
from tests.engine.worker import work
from tests.owner import as_owner
from workflows_app.models import Event, Mutation, Run
from workflows_app.sdk import MutationCall, MutationOutcome, NextContext, PrepareResult, Workflow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]

PATIENCE_SECONDS = 20.0
LANES = ("a", "b", "bad", "c")


def _tell(*statements: str) -> None:
    with as_owner(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def refused(request: pytest.FixtureRequest) -> Iterator[None]:
    """The database refuses rows of one table that fulfil a condition: `(table, condition)`."""
    table, condition = request.param
    _tell(
        """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN RAISE EXCEPTION 'a bad row' USING ERRCODE = 'check_violation'; END $$""",
        f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW"
        f" WHEN ({condition}) EXECUTE FUNCTION refuse()",
    )
    yield
    _tell(f"DROP TRIGGER refuse ON {table}", "DROP FUNCTION refuse")


def _meeting() -> tuple[type[Workflow], list[str]]:
    """Return a workflow in whose lanes four calls answer at the same time, and what was called."""
    barrier, called = threading.Barrier(len(LANES)), []

    def execute(params: Any, key: str) -> Any:
        called.append(params["lane"])
        if len(called) <= len(LANES):
            barrier.wait(PATIENCE_SECONDS)
        return {"parcel": params["lane"]}

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        ctx.publish(SHIPPED, message_id=prepared.data[0], payload=0)

    carrier = mutator(execute)
    ship = consumer(
        mutate=lambda prepared: MutationCall(carrier, {"lane": prepared.data[0]}),
        next=next,
        lane=by_payload,
    )
    return code(ship, calls=[carrier]), called


def _send_all() -> None:
    for lane in LANES:
        send(lane, lane)


def _other_lanes_are_done() -> bool:
    return {status_of(lane) for lane in LANES if lane != "bad"} == {"consumed"}


@pytest.mark.parametrize(
    "refused",
    [("workflows_app_mutation", "NEW.result->>'parcel' = 'bad'")],
    indirect=True,
    ids=["an outcome"],
)
def test_an_answer_that_the_database_refuses_is_unknown_and_the_others_go_on(
    deploy: Deploy, refused: None
) -> None:
    flow, called = _meeting()
    deploy(flow)
    _send_all()
    host(at_once=4)

    assert _other_lanes_are_done()
    bad = Run.objects.get(lane="bad")
    assert (bad.status, bad.mutation.status) == ("blocked", "indeterminate")
    assert evidence_of(bad.mutation) == [
        ("execute", "unknown", "the call returned, but the database refused it: a bad row", 1)
    ]
    assert sorted(called) == sorted(LANES), "nothing is sent twice"


@pytest.fixture(params=["query_canceled", "deadlock_detected", "serialization_failure"])
def stopped(request: pytest.FixtureRequest) -> Iterator[None]:
    """The database ends, twice, what writes what came back of one call: it took too long, or lost a race."""
    _tell(
        "CREATE SEQUENCE stops",
        f"""CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
               IF nextval('stops') <= 2 THEN
                   RAISE EXCEPTION 'stopped' USING ERRCODE = '{request.param}';
               END IF;
               RETURN NEW;
           END $$""",
        "CREATE TRIGGER stop BEFORE UPDATE ON workflows_app_mutation FOR EACH ROW"
        " WHEN (NEW.result->>'parcel' = 'bad') EXECUTE FUNCTION stop()",
    )
    yield
    _tell(
        "DROP TRIGGER stop ON workflows_app_mutation", "DROP FUNCTION stop", "DROP SEQUENCE stops"
    )


def test_an_answer_that_the_database_can_t_take_now_is_kept(deploy: Deploy, stopped: None) -> None:
    flow, called = _meeting()
    deploy(flow)
    _send_all()
    host(at_once=4)

    assert {status_of(lane) for lane in LANES} == {"consumed"}
    assert evidence_of(Run.objects.get(lane="bad").mutation) == [("execute", "applied", "", 1)]
    assert sorted(called) == sorted(LANES), "nothing is sent twice"


@pytest.mark.parametrize(
    "refused",
    [("workflows_app_mutation", "NEW.params->>'lane' = 'bad'")],
    indirect=True,
    ids=["a checkpoint"],
)
def test_a_checkpoint_that_the_database_refuses_fails_its_run_and_sends_nothing(
    deploy: Deploy, refused: None
) -> None:
    called: list[str] = []

    def execute(params: Any, key: str) -> Any:
        called.append(params["lane"])
        return {}

    carrier = mutator(execute)
    ship = consumer(
        mutate=lambda prepared: MutationCall(carrier, {"lane": prepared.data[0]}), lane=by_payload
    )
    deploy(code(ship, calls=[carrier]))
    _send_all()
    host(at_once=4)

    assert _other_lanes_are_done()
    assert sorted(called) == ["a", "b", "c"]
    bad = Run.objects.get(lane="bad")
    assert (bad.status, bad.failure_kind) == ("failed", "logic")
    assert bad.failure_message == "the database refused it: a bad row"
    assert (status_of("bad"), Mutation.objects.count()) == ("pending", 3)


@pytest.mark.parametrize(
    "refused",
    [("workflows_app_event", "NEW.message_id = 'bad' AND NEW.payload = '0'::jsonb")],
    indirect=True,
    ids=["a publication"],
)
def test_a_publication_that_the_database_refuses_fails_its_run_only(
    deploy: Deploy, refused: None, caplog: pytest.LogCaptureFixture
) -> None:
    flow, called = _meeting()
    deploy(flow)
    _send_all()
    host(at_once=4)

    assert _other_lanes_are_done()
    bad = Run.objects.get(lane="bad")
    assert (bad.status, bad.failure_kind, bad.failure_phase) == ("failed", "logic", "emitting")
    assert (status_of("bad"), bad.mutation.status) == ("reserved", "applied")
    shipped = Event.objects.filter(topic__name=SHIPPED).values_list("message_id", flat=True)
    assert sorted(shipped) == ["a", "b", "c"]
    assert sorted(called) == sorted(LANES)
    assert last_run() in runs()
    told = sorted(line for line in caplog.messages if line.startswith("run.committed"))
    committed = [run.pk for run in runs() if run.status == "committed"]
    expected = sorted(f"run.committed workflow={SLUG} run={pk}" for pk in committed)
    assert told == expected, "each once"


@pytest.mark.parametrize(
    "refused", [("workflows_app_run", "NEW.lane = 'bad'")], indirect=True, ids=["a run"]
)
def test_a_run_that_can_not_begin_is_tried_again_ever_later_while_a_call_is_under_way(
    deploy: Deploy, refused: None, caplog: pytest.LogCaptureFixture
) -> None:
    answers = threading.Event()
    carrier = mutator(lambda params, key: answers.wait(PATIENCE_SECONDS) and {})
    ship = consumer(mutate=lambda prepared: MutationCall(carrier, {}), lane=by_payload)
    deploy(code(ship, calls=[carrier]))
    send("a", "a")
    looked = iter(range(1000))

    def is_over() -> bool:
        """Publish the bad one when the call is under way; let it end after 50 looks of the worker."""
        if Mutation.objects.exists() and not Event.objects.filter(message_id="bad").exists():
            send("bad", "bad")
        if Event.objects.filter(message_id="bad").exists() and next(looked) == 50:
            answers.set()
        return status_of("a") == "consumed"

    with caplog.at_level("WARNING", logger="workflows_app"):
        work(is_over)

    said = [record.message.split()[0] for record in caplog.records]
    assert 1 <= said.count("workflow.not_advanced") <= 6
    assert "claim.not_kept" not in said
    assert status_of("bad") == "pending"
