"""Which errors mean that the database is away, and what is said of it: once, and once when it is back."""

from __future__ import annotations

import logging
import time
from itertools import islice

import django.db
import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from psycopg import errors
from psycopg_pool import PoolTimeout

from workflows_app.outages import Outage, ToldOnce, Watch, outage_of, pauses, said_by_driver

AWAY = Outage.UNREACHABLE
STATES = {
    "08000": AWAY,  # connection exception
    "08006": AWAY,  # connection failure
    "25006": Outage.READ_ONLY,
    "25P03": AWAY,  # idle in transaction for too long
    "25P04": AWAY,  # in transaction for too long
    "53100": Outage.FULL,
    "53200": AWAY,  # out of memory
    "53300": AWAY,  # too many connections
    "57P01": AWAY,  # ended by an administrator, or a stop
    "57P02": AWAY,  # a crash
    "57P03": AWAY,  # still starting
    "57P04": AWAY,  # dropped
    "57P05": AWAY,  # idle for too long
    "58030": AWAY,  # the disk fails
    "22012": None,  # division by zero
    "23505": None,  # not unique
    "40001": None,  # can't be serialised
    "40P01": None,  # deadlock
    "42P01": None,  # no such table
    "55P03": None,  # locked
    "57014": None,  # cancelled, or too slow
}


@pytest.mark.parametrize("state", STATES)
def test_the_server_s_state_tells(state: str) -> None:
    error = errors.lookup(state)("no matter what")

    assert outage_of(error) == STATES[state]
    assert outage_of(wrapped(error, django.db.OperationalError("wrapped"))) == STATES[state]
    assert outage_of(wrapped(error, ConnectorException())) == STATES[state]


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (psycopg.OperationalError("connection failed: refused"), AWAY),
        (PoolTimeout("no connection within 10 s"), AWAY),
        (errors.PipelineAborted("a statement before it failed"), None),
        (psycopg.InterfaceError("the cursor is closed"), None),
        (django.db.OperationalError("not the driver's"), None),
        (ConnectionError("some other server"), None),
        (ZeroDivisionError(), None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_without_an_answer_of_the_server_the_kind_of_error_tells(
    error: Exception, outage: Outage | None
) -> None:
    assert outage_of(error) == outage


def test_what_the_driver_said_is_one_line() -> None:
    error = psycopg.OperationalError("connection failed:\n\tis it running?")

    assert said_by_driver(wrapped(error, ConnectorException())) == (
        "connection failed: is it running?"
    )


def test_it_is_said_once_and_once_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watch = Watch(quiet_seconds=0)
    watch.back()
    for _ in range(2):
        assert [watch.saw(errors.AdminShutdown(text)) for text in ("bye", "gone")] == [True, True]
        watch.back()
        watch.back()
    assert watch.saw(errors.DiskFull("no space"))
    assert watch.saw(errors.UndefinedTable("that is another thing")) is False

    assert [record.getMessage() for record in caplog.records] == [
        "database.away kind=unreachable error=bye",
        "database.back away_seconds=0.0",
        "database.away kind=unreachable error=bye",
        "database.back away_seconds=0.0",
        "database.away kind=full error=no space",
    ]


def test_it_is_not_back_before_it_stays_and_was_away_until_it_was_last_seen_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(quiet_seconds=5)
    told: list[str] = []
    for second, is_away in ((10, True), (11, False), (13, True), (17, False), (18, False)):
        with monkeypatch.context() as clock:
            clock.setattr(time, "monotonic", lambda now=float(second): now)
            watch.saw(errors.AdminShutdown("bye")) if is_away else watch.back()
        told += [f"{second}: {record.getMessage()}" for record in caplog.records]
        caplog.clear()

    assert told == [
        "10: database.away kind=unreachable error=bye",
        "18: database.back away_seconds=3.0",
    ]


def test_what_libraries_say_of_it_is_left_out_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    library = logging.getLogger("some.library")
    told_once = ToldOnce()
    library.addFilter(told_once)
    try:
        for error in (errors.AdminShutdown("bye"), ValueError("a fault")):
            library.warning("can't go on: %s", error)
            library.error("failed", exc_info=error)
        library.warning("%(what)s", {"what": "all is well"})
    finally:
        library.removeFilter(told_once)

    said = [record.getMessage() for record in caplog.records if record.name == "some.library"]
    assert said == ["can't go on: a fault", "failed", "all is well"]


def test_each_pause_is_twice_as_long_up_to_the_longest() -> None:
    found = list(islice(pauses(1, 5), 5))

    for pause, most in zip(found, [1, 2, 4, 5, 5], strict=True):
        assert 0.8 * most <= pause <= most


def wrapped(error: Exception, wrapper: Exception) -> Exception:
    wrapper.__cause__ = error
    return wrapper
