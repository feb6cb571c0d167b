"""The server hangs up in the middle of each transaction of the host (P1, P2, P3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from django.contrib.auth.models import User

from tests.away.afterwards import violations, went_on_calmly
from tests.away.brakes import POINTS, Brakes
from tests.away.databases import Database
from tests.away.relay import Relay
from tests.crash.scenario import Scenario
from tests.eventually import eventually
from tests.jobs import forget_jobs
from tests.rivals import Rival, waiting_for_locks
from workflows_app.models import Event, Lease, Workflow
from workflows_app.operations import skip_event

SLUGS = {f"{'asked' if point == 'reconcile' else 'mute'}-{point}": point for point in POINTS}
#: Each step is a slice, so that each transaction has one purpose.
SHORT = {"slice_seconds": 0.001}
SAME_RUN = "committed committed (applied); 42 consumed; paid 42"
AFTER_A_SURE_NO = f"failed mutating (failed); {SAME_RUN}"
ONLY_NEXT_AGAIN = "crashed mutated (applied); committed committed; 42 consumed; paid 42"
#: How it ends when the next invoice was paid too.
NEXT = "42 consumed; 43 consumed; paid 42 43"
FAILED = "failed emitting (applied); 42 reserved; paid 42"


@pytest.fixture
def brakes(database: Database) -> Brakes:
    return Brakes(database)


def test_a_session_that_ends_in_the_middle_of_a_transaction_costs_nothing(
    scenario: Callable[..., Scenario], brakes: Brakes
) -> None:
    scene = _scene(scenario)
    with brakes.holding({"mute-recovery": "recovery"}) as recovering:
        with brakes.holding(SLUGS | {"mute-recovery": "commit"}) as caught:
            worker = scene.start_worker()
            caught.wait_for(len(SLUGS))
            scene.outside.refusing.clear()
            scene.outside.failing.clear()
            caught.end_sessions()
        recovering.wait_for(1)
        recovering.end_sessions()

    eventually(
        scene.all_told,
        dict.fromkeys(SLUGS, SAME_RUN)
        | {"asked-reconcile": AFTER_A_SURE_NO}
        | dict.fromkeys(["mute-commit", "mute-failure", "mute-recovery"], ONLY_NEXT_AGAIN),
    )
    _goes_on(scene, SLUGS)
    went_on_calmly(worker)


def test_an_answer_to_commit_that_is_lost_costs_nothing(
    database: Database,
    scenario: Callable[..., Scenario],
    brakes: Brakes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = _scene(scenario)
    scene.outside.hold("asked-reconcile/lookup")
    brakes.swallow(SLUGS)
    with Relay(database.server.port) as relay:
        monkeypatch.setenv("DATABASE_URL", relay.url(database.name))
        with brakes.holding({"mute-recovery": "commit"}) as committing:
            worker = scene.start_worker()
            committing.wait_for(1)
            committing.end_sessions()
        scene.outside.wait_for("asked-reconcile/lookup")
        scene.outside.refusing.clear()
        scene.outside.release("asked-reconcile/lookup")
        eventually(lambda: relay.lost, len(SLUGS))

        eventually(
            scene.all_told,
            dict.fromkeys(SLUGS, SAME_RUN)
            | {
                "asked-reconcile": AFTER_A_SURE_NO,
                "mute-recovery": ONLY_NEXT_AGAIN,
                # That its failure was written is known: it waits for a person or for other code.
                "mute-failure": FAILED,
            },
        )
        _goes_on(scene, [slug for slug in SLUGS if slug != "mute-failure"])
        went_on_calmly(worker)


def test_events_that_a_lost_checkpoint_had_chosen_are_not_taken_for_reserved(
    scenario: Callable[..., Scenario], brakes: Brakes, olga: User
) -> None:
    scene = scenario("mute-checkpoint")
    event = Event.objects.get()
    with brakes.holding({"mute-checkpoint": "checkpoint"}) as caught:
        scene.start_worker()
        caught.wait_for(1)
        # It waits for the worker's transaction, and comes before the next one.
        person = Rival(lambda: skip_event(event, actor=olga, reason="cancelled"))
        eventually(waiting_for_locks, 2)
        caught.end_sessions()
        person.result()

    eventually(
        lambda: scene.told("mute-checkpoint"), "committed committed; 42 skipped; paid nothing"
    )
    assert violations() == []


def _scene(scenario: Callable[..., Scenario]) -> Scenario:
    scene = scenario(*SLUGS, **SHORT)
    scene.outside.refusing["asked-reconcile"] = 500
    scene.outside.failing.add("mute-failure/next")
    # Only the sweep wakes it.
    forget_jobs(Workflow.objects.get(slug="mute-wake").pk)
    return scene


def _goes_on(scene: Scenario, slugs: Iterable[str]) -> None:
    """What comes now is done as if nothing had been; everything is at rest, and in order."""
    for slug in slugs:
        scene.publish(slug, "43")
    eventually(
        lambda: {slug: scene.told(slug)[-len(NEXT) :] for slug in slugs}, dict.fromkeys(slugs, NEXT)
    )
    eventually(lambda: list(Lease.objects.exclude(holder="", next_due_at=None)), [])
    assert violations() == []
