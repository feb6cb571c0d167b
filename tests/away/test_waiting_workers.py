"""A worker that is started, or told to stop, while the database is away."""

from __future__ import annotations

from collections.abc import Callable

from tests.away.afterwards import went_on_calmly
from tests.away.databases import Database
from tests.crash.scenario import Scenario
from tests.eventually import eventually

SAME_RUN = "committed committed (applied); 42 consumed; paid 42"


def test_a_worker_waits_for_a_database_that_is_not_there_yet(
    database: Database, scenario: Callable[..., Scenario]
) -> None:
    scene = scenario("mute")
    database.stop()
    worker = scene.start_worker(checks=True)
    eventually(lambda: "database.away" in worker.log.read_text(), True)
    database.start()

    eventually(lambda: scene.told("mute"), SAME_RUN)
    went_on_calmly(worker)


def test_a_worker_that_waits_stops_when_it_is_told_to(
    database: Database, scenario: Callable[..., Scenario]
) -> None:
    scene = scenario("mute")
    database.stop()
    worker = scene.start_worker(checks=True)
    eventually(lambda: "database.away" in worker.log.read_text(), True)

    worker.tell_to_stop()
    assert worker.ends(within_seconds=20) == 0
    assert "Traceback" not in worker.log.read_text()


def test_a_worker_that_holds_an_answer_keeps_it_until_it_is_written_and_then_stops(
    database: Database, scenario: Callable[..., Scenario]
) -> None:
    scene = scenario("mute")
    scene.outside.hold("mute/after")
    worker = scene.start_worker()
    scene.outside.wait_for("mute/after")
    database.stop()
    scene.outside.release("mute/after")
    eventually(lambda: "database.away" in worker.log.read_text(), True)
    worker.tell_to_stop()
    database.start()

    assert worker.ends(within_seconds=60) == 0
    assert scene.told("mute") == SAME_RUN
