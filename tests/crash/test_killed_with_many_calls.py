"""A worker is killed with many calls of one workflow in flight, and more that wait: none is sent twice (P1, P3)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.crash.scenario import Scenario, evidence_of
from tests.eventually import eventually
from workflows_app.models import Event, Mutation, Run

LANES = 50
#: Some calls have no place: their runs are prepared, and wait.
PLACES = 30
LOST = "execute 1 unknown: the worker ended before the outcome was recorded"
#: What the outside system says of a call that stood there, how its run ends, and what else is sent for it.
FOUND = {
    "after": ("reconcile 1 applied: ", Run.Status.COMMITTED, 0),
    "before": ("reconcile 1 not_applied: the lookup answered 404", Run.Status.FAILED, PLACES),
}


@pytest.mark.parametrize("point", FOUND)
def test_each_of_many_calls_in_flight_is_asked_about_once_and_none_is_sent_twice(
    scenario: Callable[..., Scenario], point: str
) -> None:
    scene = scenario("asked", lanes_at_once=LANES, calls_at_once=PLACES)
    outside = scene.outside
    for number in range(1, LANES):
        scene.publish("asked", f"42-{number}", lane=f"supplier {number}")
    outside.hold(f"asked/{point}")
    first = scene.start_worker()
    outside.wait_for(f"asked/{point}", standing=PLACES)
    sent = list(Mutation.objects.order_by("pk"))
    assert [mutation.status for mutation in sent] == ["in_flight"] * PLACES
    # Those that wait have done nothing that could end a worker: its death is none of theirs.
    waiting = Run.objects.filter(status="active", phase="preparing", fencing_token=None)
    eventually(waiting.count, LANES - PLACES)
    waited = list(waiting)
    first.kill()
    outside.drop(f"asked/{point}")
    scene.start_worker()

    said, status, sent_again = FOUND[point]
    eventually(lambda: Event.objects.filter(status="consumed").count(), LANES)
    paid = [effect.invoice for effect in outside.paid("asked")]
    assert sorted(paid) == sorted(["42", *(f"42-{number}" for number in range(1, LANES))])
    assert outside.lookups == ["asked"] * PLACES
    for mutation in sent:
        run = Run.objects.get(pk=mutation.run_id)
        assert (run.status, evidence_of(run)) == (status, [LOST, said])
    assert Mutation.objects.count() == LANES + sent_again
    ended = Run.objects.filter(pk__in=[run.pk for run in waited])
    assert set(ended.values_list("status", "earlier_crashes")) == {("committed", 0)}
