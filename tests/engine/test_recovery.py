"""What workers that die in the middle of calls mean to the circuit breaker (P8)."""

from __future__ import annotations

import pytest

from tests.engine.dying import crash
from tests.engine.stage import SLUG, Deploy, by_payload, code, consumer, host, runs, send, status_of
from workflows_app.models import Breaker, Lease, Mutation
from workflows_app.models.clocks import database_now
from workflows_app.sdk import MutationCall, Workflow
from workflows_app.testing import ScriptedMutator, SimulatedCrash, drain, scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]


def _each_in_its_lane(called: type[ScriptedMutator]) -> type[Workflow]:
    ship = consumer(mutate=lambda prepared: MutationCall(called, {}), lane=by_payload)
    return code(ship, calls=[called])


@pytest.mark.parametrize("at_once", [1, 6], ids=["one a turn", "all in a turn"])
def test_a_death_is_one_unknown_to_the_breaker_however_many_calls_were_in_flight(
    deploy: Deploy, at_once: int
) -> None:
    deploy(_each_in_its_lane(scripted(*["crash"] * 6, "applied")))
    for number in range(6):
        send(str(number), f"lane {number}")
    with pytest.raises(SimulatedCrash):
        host(at_once=6)
    assert Mutation.objects.filter(status="in_flight").count() == 6
    Lease.objects.update(expires_at=database_now())
    host(at_once=at_once)

    assert {run.status for run in runs()} == {"blocked"}
    assert (Breaker.objects.get().status, Breaker.objects.get().unknowns) == ("closed", 1)
    send("more", "another lane")
    host()
    assert (status_of("more"), Breaker.objects.get().unknowns) == ("consumed", 0)


def test_calls_that_end_one_worker_after_the_other_open_the_breaker(deploy: Deploy) -> None:
    called = scripted("crash")
    deploy(_each_in_its_lane(called))
    for number in range(8):
        send(str(number), f"lane {number}")
    for _ in range(5):
        crash()
    host()
    breaker = Breaker.objects.get()
    assert (breaker.status, breaker.unknowns, len(called.calls)) == ("open", 5, 5)
    trial_at = breaker.trial_at
    assert trial_at is not None

    with pytest.raises(SimulatedCrash):
        drain(SLUG, now=trial_at)
    assert drain(SLUG, now=trial_at, at_once=2) == 1, (
        "the trial has ended its worker: no other one goes out"
    )
    breaker.refresh_from_db()
    assert (breaker.status, breaker.openings, len(called.calls)) == ("open", 2, 6)
    assert breaker.trial_at is not None
    assert breaker.trial_at > trial_at
