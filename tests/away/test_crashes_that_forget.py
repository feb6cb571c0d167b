"""A crash of the server forgets what was not on its disk: claims and starts of runs (P1).

The host lets those commits go without waiting for the disk. So a claim that somebody has may be unknown
to the database, and its number, or that of a run, be given again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from tests.away.afterwards import violations
from tests.away.databases import Database
from tests.crash.payments import ADDRESS_VARIABLE
from tests.crash.scenario import Scenario
from tests.eventually import eventually
from tests.rivals import Rival, holding, waiting_for_locks
from workflows_app.engine.advancing import Slice, advance
from workflows_app.models import Lease, Run, Workflow

SAME_RUN = "committed committed (applied); 42 consumed; paid 42"


@pytest.fixture(autouse=True)
def lazy_disk(database: Database) -> None:
    """What does not wait for the disk gets there late."""
    database.server.configure("wal_writer_delay", "'10s'")


@pytest.fixture
def scene(scenario: Callable[..., Scenario], monkeypatch: pytest.MonkeyPatch) -> Scenario:
    made = scenario("mute-1", "mute-2")
    monkeypatch.setenv(ADDRESS_VARIABLE, made.outside.address)
    return made


def test_two_claims_of_one_number_are_not_taken_for_each_other(
    database: Database, scene: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    scene.outside.hold("mute-1/prepare")
    first = Rival(lambda: _advance("mute-1"))
    scene.outside.wait_for("mute-1/prepare")
    database.restart("immediate")
    assert _token("mute-1") == 0, "the claim is forgotten"
    scene.outside.hold_no_more("mute-1/prepare")
    assert _advance("mute-1").steps == 1
    assert (_token("mute-1"), scene.told("mute-1")) == (1, SAME_RUN)

    scene.outside.release("mute-1/prepare")
    # It has begun one run, and no other.
    assert first.result() == Slice(1, has_more=False)

    assert scene.told("mute-1") == SAME_RUN
    assert _said(caplog, "claim.lost") == [f"claim.lost workflow={_pk('mute-1')} token=1"]
    assert violations() == []


def test_a_run_that_was_forgotten_does_not_go_on_under_the_number_of_another(
    database: Database, scene: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    scene.outside.hold("mute-1/prepare")
    with holding("LOCK TABLE workflows_app_breaker IN ACCESS EXCLUSIVE MODE"):
        first = Rival(lambda: _advance("mute-1"))
        eventually(waiting_for_locks, 1)
        # The claim gets to the disk with this, and the start of the run does not.
        database.server.tell("SELECT pg_switch_wal()")
    scene.outside.wait_for("mute-1/prepare")
    database.restart("immediate")
    assert (_token("mute-1"), Run.objects.count()) == (1, 0)
    assert _advance("mute-2").steps == 1
    other = Run.objects.get()

    scene.outside.release("mute-1/prepare")
    # Its claim holds, so it begins again.
    assert first.result() == Slice(2, has_more=False)

    assert _said(caplog, "run.forgotten") == [f"run.forgotten workflow=mute-1 run={other.pk}"]
    assert scene.all_told() == {"mute-1": SAME_RUN, "mute-2": SAME_RUN}
    assert violations() == []


def _advance(slug: str) -> Slice:
    return advance(_pk(slug))


def _pk(slug: str) -> int:
    return Workflow.objects.get(slug=slug).pk


def _token(slug: str) -> int:
    return Lease.objects.get(workflow__slug=slug).token


def _said(caplog: pytest.LogCaptureFixture, what: str) -> list[str]:
    messages = [
        record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING
    ]
    return [message for message in messages if message.startswith(what)]
