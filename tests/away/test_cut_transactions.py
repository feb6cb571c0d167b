"""The server hangs up in the middle of each transaction of the host (P1, P2, P3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User

from tests.away.afterwards import violations, went_on_calmly
from tests.away.brakes import POINTS, Brakes
from tests.away.databases import Database
from tests.away.relay import Relay
from tests.crash.scenario import Scenario
from tests.crash.workers import Worker
from tests.eventually import eventually
from tests.jobs import forget_jobs
from tests.rivals import Rival, waiting_for_locks
from workflows_app.models import Event, Evidence, Lease, Mutation, Workflow
from workflows_app.operations import skip_event

#: These need a worker that dies, one that stops, or an answer that is late: each has a test of its own.
APART = ("recovery", "release", "late")
SLUGS = {
    f"{'asked' if point == 'reconcile' else 'mute'}-{point}": point
    for point in POINTS
    if point not in APART
}
SAME_RUN = "committed committed (applied); 42 consumed; paid 42"
AFTER_A_SURE_NO = f"failed mutating (failed); {SAME_RUN}"
ONLY_NEXT_AGAIN = "crashed mutated (applied); committed committed; 42 consumed; paid 42"
#: How it ends when the next invoice was paid too.
NEXT = "42 consumed; 43 consumed; paid 42 43"
#: It waits for a person or for other code.
FAILED = "failed emitting (applied); 42 reserved; paid 42"
ENDS = dict.fromkeys(SLUGS, SAME_RUN) | {
    "asked-reconcile": AFTER_A_SURE_NO,
    "mute-failure": FAILED,
}


@pytest.fixture
def brakes(database: Database) -> Brakes:
    return Brakes(database)


def test_a_session_that_ends_in_the_middle_of_a_transaction_costs_nothing(
    scenario: Callable[..., Scenario], brakes: Brakes
) -> None:
    scene = _scene(scenario)
    with brakes.holding(SLUGS) as caught:
        worker = scene.start_worker()
        for slug in caught.one_by_one():
            scene.outside.refusing.pop(slug, None)

    eventually(scene.all_told, ENDS)
    _goes_on(scene)
    went_on_calmly(worker)


def test_an_answer_to_commit_that_is_lost_costs_nothing(
    scenario: Callable[..., Scenario], brakes: Brakes, relay: Relay
) -> None:
    scene = _scene(scenario)
    lookup = "asked-reconcile/lookup"
    scene.outside.hold(lookup)
    # The answer that is lost leaves the question open: it counts once.
    scene.outside.evading["asked-reconcile"] = 503
    brakes.swallow(SLUGS)
    worker = scene.start_worker()
    scene.outside.wait_for(lookup)
    scene.outside.refusing.clear()
    scene.outside.let_through(lookup)
    scene.outside.wait_for(lookup)
    scene.outside.evading.clear()
    scene.outside.release(lookup)
    eventually(brakes.left, [])

    eventually(scene.all_told, ENDS)
    asked = Mutation.objects.get(run__workflow__slug="asked-reconcile", status="failed")
    assert asked.reconcile_attempts == len(scene.outside.lookups) == 2
    assert relay.lost > 1
    _goes_on(scene)
    went_on_calmly(worker)
    assert "claim.lost" not in worker.log.read_text()
    assert not Evidence.objects.filter(kind="late").exists(), "each answer was in time"


def test_a_recovery_that_is_cut_off_is_done_again(
    scenario: Callable[..., Scenario], brakes: Brakes
) -> None:
    scene = _left_in_next(scenario)
    with brakes.holding({"mute-recovery": "recovery"}) as caught:
        worker = scene.start_worker()
        assert list(caught.one_by_one()) == ["mute-recovery"]

    eventually(lambda: scene.told("mute-recovery"), ONLY_NEXT_AGAIN)
    _goes_on(scene)
    went_on_calmly(worker)


def test_a_recovery_of_which_only_the_answer_is_lost_is_not_done_again(
    scenario: Callable[..., Scenario], brakes: Brakes, relay: Relay
) -> None:
    scene = _left_in_next(scenario)
    brakes.swallow({"mute-recovery": "recovery"})
    worker = scene.start_worker()

    eventually(lambda: scene.told("mute-recovery"), ONLY_NEXT_AGAIN)
    assert (brakes.left(), relay.lost) == ([], 1)
    _goes_on(scene)
    went_on_calmly(worker)


def test_a_worker_that_stops_gives_back_what_it_holds_though_its_session_ends(
    scenario: Callable[..., Scenario], brakes: Brakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    scene = scenario("mute-release")
    with _stopping(scene) as worker, brakes.holding({"mute-release": "release"}) as caught:
        scene.outside.release("mute-release/after")
        assert list(caught.one_by_one()) == ["mute-release"]

    assert worker.ends(within_seconds=20) == 0
    assert Lease.objects.get().holder == ""
    assert scene.told("mute-release") == SAME_RUN


def test_a_worker_that_stops_ends_though_the_answer_that_all_is_given_back_is_lost(
    scenario: Callable[..., Scenario],
    brakes: Brakes,
    relay: Relay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    scene = scenario("mute-release")
    brakes.swallow({"mute-release": "release"})
    with _stopping(scene) as worker:
        scene.outside.release("mute-release/after")

    assert worker.ends(within_seconds=20) == 0
    assert (brakes.left(), relay.lost) == ([], 1)
    assert Lease.objects.get().holder == ""
    assert scene.told("mute-release") == SAME_RUN


def test_events_that_a_lost_checkpoint_had_chosen_are_not_taken_for_reserved(
    scenario: Callable[..., Scenario], brakes: Brakes, olga: User
) -> None:
    scene = scenario("mute-checkpoint")
    event = Event.objects.get()
    with brakes.holding({"mute-checkpoint": "checkpoint"}) as caught:
        scene.start_worker()
        caught.wait_for("mute-checkpoint")
        # It waits for the worker's transaction, and comes before the next one.
        person = Rival(lambda: skip_event(event, actor=olga, reason="cancelled"))
        eventually(waiting_for_locks, 2)
        caught.end_sessions()
        person.result()

    eventually(
        lambda: scene.told("mute-checkpoint"), "committed committed; 42 skipped; paid nothing"
    )
    assert violations() == []


@pytest.fixture
def relay(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """What the workers say to the database, and it to them, goes through it."""
    with Relay(database.server.port) as relay:
        monkeypatch.setenv("DATABASE_URL", relay.url(database.name))
        yield relay


def _scene(scenario: Callable[..., Scenario]) -> Scenario:
    scene = scenario(*SLUGS)
    scene.outside.refusing["asked-reconcile"] = 500
    scene.outside.failing.add("mute-failure/next")
    # Only the sweep wakes it.
    forget_jobs(Workflow.objects.get(slug="mute-wake").pk)
    return scene


def _left_in_next(scenario: Callable[..., Scenario]) -> Scenario:
    """A workflow whose worker died when only `next` was left to do."""
    scene = scenario("mute-recovery")
    with scene.standing({"mute-recovery": "next"}) as worker:
        worker.kill()
    return scene


@contextmanager
def _stopping(scene: Scenario) -> Iterator[Worker]:
    """A worker that was told to stop while it waits for an answer."""
    scene.outside.hold("mute-release/after")
    worker = scene.start_worker()
    scene.outside.wait_for("mute-release/after")
    worker.tell_to_stop()
    # The queue's worker says so when its host knows.
    eventually(lambda: "Waiting for job to finish" in worker.log.read_text(), True)
    yield worker


def _goes_on(scene: Scenario) -> None:
    """What comes now is done as if nothing had been; everything is at rest, and in order."""
    slugs = [slug for slug in scene.slugs if slug != "mute-failure"]
    for slug in slugs:
        scene.publish(slug, "43")
    eventually(
        lambda: {slug: scene.told(slug)[-len(NEXT) :] for slug in slugs}, dict.fromkeys(slugs, NEXT)
    )
    eventually(lambda: list(Lease.objects.exclude(holder="", next_due_at=None)), [])
    assert violations() == []
