"""A worker is killed at every point of a run; what follows is what the ledger can prove (P1, P2, P3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crash.scenario import TOPIC, Scenario, evidence_of, history_of
from tests.eventually import eventually
from workflows_app.models import Event, Mutation, Run

#: Nothing was sent, so it starts over.
AGAIN = "crashed preparing; committed committed (applied); 42 consumed; paid 42"
#: It is known to have happened: only what follows is done again.
ONLY_NEXT_AGAIN = "crashed mutated (applied); committed committed; 42 consumed; paid 42"
#: Nobody knows, and the host can't ask.
BLOCKED = "blocked mutating (indeterminate); 42 reserved"
#: Its outcome is known, or the host asked: it happened.
SAME_RUN = "committed committed (applied); 42 consumed; paid 42"
#: The host asked: it did not happen.
AFTER_A_SURE_NO = "failed mutating (failed); committed committed (applied); 42 consumed; paid 42"

EXPECTED = {
    "mute-prepare": AGAIN,
    "mute-mutate": AGAIN,
    "mute-checkpoint": AGAIN,
    "mute-before": f"{BLOCKED}; paid nothing",
    "mute-after": f"{BLOCKED}; paid 42",
    "mute-outcome": f"{BLOCKED}; paid 42",
    "mute-next": ONLY_NEXT_AGAIN,
    "mute-commit": ONLY_NEXT_AGAIN,
    "mute-done": SAME_RUN,
    "asked-prepare": AGAIN,
    "asked-mutate": AGAIN,
    "asked-checkpoint": AGAIN,
    "asked-before": AFTER_A_SURE_NO,
    "asked-after": SAME_RUN,
    "asked-outcome": SAME_RUN,
    "asked-next": ONLY_NEXT_AGAIN,
    "asked-commit": ONLY_NEXT_AGAIN,
    "asked-done": SAME_RUN,
}
#: What the server has committed by itself, after the worker that wrote it was killed.
ON_ITS_WAY = {
    # Its call never left, which nobody can know.
    ("mute", "checkpoint"): f"{BLOCKED}; paid nothing",
    ("asked", "checkpoint"): AFTER_A_SURE_NO,
    ("mute", "outcome"): ONLY_NEXT_AGAIN,
    ("mute", "commit"): SAME_RUN,
}
LOST = "the worker ended before the outcome was recorded"


def test_a_killed_run_ends_as_the_ledger_can_prove(scenario: Callable[..., Scenario]) -> None:
    scene = scenario(*EXPECTED)
    points = {slug: slug.partition("-")[2] for slug in EXPECTED}
    done = [slug for slug, point in points.items() if point == "done"]
    with scene.standing({slug: points[slug] for slug in points if slug not in done}) as first:
        eventually(lambda: [scene.told(slug) for slug in done], [SAME_RUN, SAME_RUN])
        first.kill()
    scene.start_worker()

    eventually(scene.all_told, EXPECTED)
    assert sorted(scene.outside.lookups) == ["asked-after", "asked-before", "asked-outcome"]

    run = scene.last_run("mute-after")
    unknown = f"outcome unknown, and nobody can be asked: {LOST}"
    assert history_of(run) == [
        "active: started",
        "active: about to call mute.pay",
        f"blocked: {unknown}",
    ]
    assert history_of(run.mutation) == [
        "in_flight: about to be sent",
        f"indeterminate: {unknown}",
    ]
    assert evidence_of(run) == [f"execute 1 unknown: {LOST}"]

    run = scene.last_run("asked-after")
    assert history_of(run) == [
        "active: started",
        "active: about to call asked.pay",
        f"reconciling: outcome unknown: {LOST}",
        "active: asked.pay was applied",
        "committed: committed",
    ]
    assert history_of(run.mutation) == [
        "in_flight: about to be sent",
        f"needs_reconcile: outcome unknown: {LOST}",
        "applied: it happened, by asking the outside system",
    ]
    assert evidence_of(run) == [f"execute 1 unknown: {LOST}", "reconcile 1 applied: "]

    second = scene.last_run("mute-commit")
    first_run = second.retry_of
    assert first_run is not None
    assert history_of(first_run)[-2:] == [
        "crashed: its worker died",
        f"crashed: retry of run {first_run.pk}",
    ]
    event = Event.objects.get(topic__workflow__slug="mute-commit", topic__name=TOPIC)
    assert history_of(event) == [
        "pending: published by the application",
        f"reserved: reserved by run {first_run.pk}",
        f"reserved: retry of run {first_run.pk}",
        f"consumed: consumed by run {second.pk}",
    ]
    assert_history_is_complete()


@pytest.mark.parametrize(("slug", "point"), ON_ITS_WAY)
def test_what_a_killed_worker_had_sent_to_the_database_counts(
    scenario: Callable[..., Scenario], slug: str, point: str
) -> None:
    scene = scenario(slug)
    with scene.committing(slug, point) as first:
        first.kill()
        scene.start_worker()

    eventually(lambda: scene.told(slug), ON_ITS_WAY[slug, point])
    assert_history_is_complete()


def assert_history_is_complete() -> None:
    """Check that the newest history row of everything says what the row itself says."""
    for model in (Run, Mutation, Event):
        for row in model.objects.all():
            then = row.history.latest("history_id")
            assert (row, row.status) == (row, then.status)
