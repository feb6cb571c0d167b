"""What errors mean that come of the database, or that it can't keep (P2). All others: `tests/stories`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from tests.engine.stage import (
    Deploy,
    code,
    consumer,
    evidence_of,
    fresh,
    host,
    last_run,
    mutator,
    producer,
    runs,
    send,
)
from tests.engine.worker import never, work
from workflows_app import registry
from workflows_app.queries.waiting import why_pending
from workflows_app.sdk import MutationCall

pytestmark = pytest.mark.django_db


def _raises(error: BaseException) -> Callable[..., Any]:
    def handler(*_: Any) -> Any:
        raise error

    return handler


@pytest.mark.parametrize("undone", [DeadlockDetected, LockNotAvailable, SerializationFailure])
def test_what_the_database_undid_for_another_one_is_tried_again(
    deploy: Deploy, undone: type[Exception]
) -> None:
    error = OperationalError("somebody else was first")
    error.__cause__ = undone()
    deploy(code(consumer(next=_raises(error))))
    send()
    host()

    assert (last_run().failure_kind, last_run().failure_message) == (
        "transient",
        "somebody else was first",
    )


class _Speechless(Exception):
    def __init__(self, way: BaseException) -> None:
        self._way = way

    def __str__(self) -> str:
        raise self._way


def _of_itself() -> Exception:
    """Return what `raise error from error` makes."""
    error = ValueError("again")
    error.__cause__ = error
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("bad \x00 byte"), "ValueError: bad \\x00 byte"),
        (ValueError("half \ud800 pair"), "ValueError: half \\ud800 pair"),
        (_Speechless(ValueError("no words")), "_Speechless: its text can't be read"),
        (_Speechless(SystemExit(1)), "_Speechless: its text can't be read"),
        (_Speechless(asyncio.CancelledError()), "_Speechless: its text can't be read"),
        (_of_itself(), "ValueError: again"),
    ],
    ids=["NUL", "surrogate", "speechless", "leaving", "cancelled", "of itself"],
)
def test_an_error_that_is_hard_to_tell_or_to_keep_still_ends_the_run(
    deploy: Deploy, error: Exception, message: str
) -> None:
    deploy(code(consumer(_raises(error))))
    send()
    host()

    assert (last_run().status, last_run().failure_message) == ("failed", message)


class _OfItsOwn(BaseException):
    """What a library may raise so that nobody catches it."""


class _Unreadable(dict[str, Any]):
    def items(self) -> Any:
        raise asyncio.CancelledError


def _leaving(phase: str, error: BaseException) -> Any:
    """Return a workflow that raises `error` in one phase."""
    does = _raises(error)
    called = mutator(
        does if phase in ("execute", "reconcile") else lambda params, key: {},
        does if phase == "reconcile" else None,
        policy={"reconcile_attempts": 1},
    )
    of_consumer = {phase: does} if phase in ("prepare", "mutate", "next", "record", "lane") else {}
    ship = consumer(**{"mutate": lambda prepared: MutationCall(called, {})} | of_consumer)
    reads = [producer(does)] if phase == "poll" else []
    return code(ship, *reads, calls=[called])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("phase", "leaving", "ends"),
    [
        ("prepare", asyncio.CancelledError, ("failed", "logic", "preparing")),
        ("mutate", _OfItsOwn, ("failed", "logic", "prepared")),
        ("next", KeyboardInterrupt, ("failed", "logic", "emitting")),
        ("record", SystemExit, ("failed", "logic", "emitting")),
        ("poll", GeneratorExit, ("failed", "logic", "preparing")),
        ("execute", asyncio.CancelledError, ("blocked", "", "")),
        ("reconcile", _OfItsOwn, ("blocked", "", "")),
    ],
)
def test_what_leaves_authors_code_ends_its_run_and_not_the_worker(
    deploy: Deploy, phase: str, leaving: type[BaseException], ends: tuple[str, str, str]
) -> None:
    deploy(_leaving(phase, leaving("away")))
    if phase != "poll":
        send()
    work(never)

    run, said = last_run(), f"{leaving.__name__}: away"
    assert (run.status, run.failure_kind, run.failure_phase) == ends
    if ends[0] == "failed":
        assert run.failure_message == said
    else:
        assert {detail for _, _, detail, _ in evidence_of(run.mutation)} == {said}


@pytest.mark.django_db(transaction=True)
def test_an_event_whose_lane_leaves_is_asked_about_once(deploy: Deploy) -> None:
    deploy(_leaving("lane", asyncio.CancelledError("away")))
    with registry.override(code(consumer(), version="1.9")):
        event = send()
    work(never)

    assert "it raised CancelledError" in why_pending(fresh(event))


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_leaves_when_it_is_read_is_an_unknown_outcome(deploy: Deploy) -> None:
    called = mutator(lambda params, key: _Unreadable(number=1))
    deploy(code(consumer(mutate=lambda prepared: MutationCall(called, {})), calls=[called]))
    send()
    work(never)

    assert (last_run().status, evidence_of(last_run().mutation)) == (
        "blocked",
        [("execute", "unknown", "the answer can't be read: CancelledError: ", 1)],
    )


def test_in_a_test_it_ends_the_run_too(deploy: Deploy) -> None:
    deploy(_leaving("next", _OfItsOwn("away")))
    send()
    host()

    assert (last_run().status, last_run().failure_message) == ("failed", "_OfItsOwn: away")


@pytest.mark.parametrize("phase", ["prepare", "record", "lane"])
@pytest.mark.parametrize("ends", [KeyboardInterrupt, pytest.fail.Exception])
def test_ctrl_c_in_a_handler_ends_the_test_and_not_the_run(
    deploy: Deploy, phase: str, ends: type[BaseException]
) -> None:
    deploy(_leaving(phase, ends("stop")))
    with registry.override(code(consumer(), version="1.9")):
        send()
    with pytest.raises(ends, match="stop"):
        host()

    assert {run.status for run in runs()} <= {"active"}
