"""After a crash the ledger decides, not the phase (P1, P2, P3): the table of `engine/recovery.py`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.dying import Dies, crash
from tests.engine.stage import (
    NOW,
    SHIPPED,
    SLUG,
    Deploy,
    after,
    by_payload,
    calling,
    code,
    consumer,
    evidence_of,
    fresh,
    host,
    reasons,
    row,
    runs,
    send,
    status_of,
    take_one,
    waits_about,
)
from workflows_app.models import Breaker, Event, Lease, Mutation
from workflows_app.models.clocks import database_now
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
    Workflow,
)
from workflows_app.testing import ScriptedMutator, SimulatedCrash, drain, scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]

LOST = "the worker ended before the outcome was recorded"


def _dying_in(where: str, called: type[ScriptedMutator]) -> type[Workflow]:
    """Return a workflow whose worker dies once in `where`: prepare, mutate or next."""
    dies = Dies()

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        if where == "prepare":
            dies()
        return take_one(ctx, state)

    def mutate(prepared: PrepareResult) -> MutationCall:
        if where == "mutate":
            dies()
        return MutationCall(called, {"of": prepared.data})

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        ctx.publish(SHIPPED, message_id=prepared.reservations[0].message_id, payload=0)
        if where == "next":
            dies()
        return outcome.result

    return code(consumer(prepare, mutate, next), calls=[called])


@pytest.mark.parametrize("where", ["prepare", "mutate"])
def test_before_the_checkpoint_nothing_happened_and_a_new_run_starts_from_prepare(
    deploy: Deploy, where: str
) -> None:
    called = scripted("applied")
    deploy(_dying_in(where, called))
    event = send()
    dead = crash()
    assert (dead.status, dead.phase, fresh(event).status) == ("active", "preparing", "pending")
    host()
    assert waits_about(runs()[0], 10)
    host(10)
    crashed, retry = runs()

    assert (crashed.status, crashed.failure_kind, crashed.ended_at) == ("crashed", "", NOW)
    assert reasons(crashed) == [
        ("active", "started"),
        ("crashed", "its worker died"),
        ("crashed", f"retry of run {crashed.pk}"),
    ]
    assert (retry.status, retry.retry_of) == ("committed", crashed)
    assert (retry.earlier_failures, retry.earlier_crashes) == (0, 1)
    assert not crashed.reservations.exists()
    assert len(called.effects) == 1
    assert status_of("1") == "consumed"


@pytest.mark.parametrize("outcome", ["crash", "crash_before"])
def test_while_in_flight_a_mutator_that_can_be_asked_settles_it(
    deploy: Deploy, outcome: str
) -> None:
    called = scripted(outcome, "applied", reconcilable=True)
    deploy(calling(called))
    send()
    dead = crash()
    assert (dead.status, dead.phase, dead.mutation.status) == ("active", "mutating", "in_flight")
    host()
    host(10)

    first = runs()[0].mutation
    assert evidence_of(first)[0] == ("execute", "unknown", LOST, 1)
    assert reasons(first)[1] == ("needs_reconcile", f"outcome unknown: {LOST}")
    assert called.reconciliations == [first.idempotency_key]
    assert (len(called.effects), status_of("1")) == (1, "consumed")
    if outcome == "crash":
        assert [run.status for run in runs()] == ["committed"], "the same run goes on"
        assert (first.status, first.resolved_by) == ("applied", "reconcile")
    else:
        assert [run.status for run in runs()] == ["failed", "committed"]
        assert (first.status, first.resolved_by) == ("failed", "reconcile")
        assert called.effects != [first.idempotency_key], "a fresh prepare has a new key"


@pytest.mark.parametrize("outcome", ["crash", "crash_before"])
def test_while_in_flight_a_mutator_that_cannot_be_asked_blocks(
    deploy: Deploy, outcome: str
) -> None:
    called = scripted(outcome, "applied")
    deploy(calling(called))
    event = send()
    crash()
    host(10**8)
    (run,) = runs()

    assert (run.status, run.phase, run.mutation.status) == ("blocked", "mutating", "indeterminate")
    assert reasons(run)[-1] == (
        "blocked",
        f"outcome unknown, and nobody can be asked: {LOST}",
    )
    assert evidence_of(run.mutation) == [("execute", "unknown", LOST, 1)]
    assert (run.mutation.sent_at, run.mutation.ended_at) == (NOW, after(10**8)), "by now it is over"
    assert fresh(event).reserved_by == run
    assert len(called.calls) == 1, "it is not sent again"


@pytest.mark.parametrize("reconcilable", [True, False])
def test_after_it_was_applied_only_next_runs_again(deploy: Deploy, reconcilable: bool) -> None:
    called = scripted("applied", reconcilable=reconcilable)
    deploy(_dying_in("next", called))
    event = send()
    dead = crash()
    assert (dead.status, dead.phase, dead.mutation.status) == ("active", "mutated", "applied")
    host()
    assert (runs()[0].status, fresh(event).reserved_by) == ("crashed", dead)
    host(10)
    crashed, retry = runs()
    reason = f"retry of run {crashed.pk}"

    assert (crashed.status, retry.status, retry.retry_of) == ("crashed", "committed", crashed)
    assert (len(called.calls), called.reconciliations) == (1, [])
    assert (retry.carried_mutation, Mutation.objects.count()) == (crashed.mutation, 1)
    assert (retry.idempotency_key, retry.prepare_result) == (
        crashed.idempotency_key,
        crashed.prepare_result,
    )
    assert reasons(retry, "phase") == [("mutated", reason), ("committed", "committed")]
    assert reasons(fresh(event)) == [
        ("pending", "published by the application"),
        ("reserved", f"reserved by run {crashed.pk}"),
        ("reserved", reason),
        ("consumed", f"consumed by run {retry.pk}"),
    ], "the event is never pending in between"
    assert retry.reservations.get().event == event
    assert row().handlers.get().state == {"number": 1}
    published = Event.objects.get(topic__name=SHIPPED)
    assert (published.created_by, published.inputs.get()) == (retry, event.inputs.get())


def test_without_a_call_a_crash_in_next_starts_from_prepare_again(deploy: Deploy) -> None:
    dies = Dies()
    deploy(code(consumer(next=lambda ctx, prepared, outcome: dies())))
    event = send()
    dead = crash()
    assert (dead.status, dead.phase, fresh(event).reserved_by) == ("active", "prepared", dead)
    host()
    host(10)
    crashed, retry = runs()

    assert (crashed.status, retry.status) == ("crashed", "committed")
    assert reasons(fresh(event)) == [
        ("pending", "published by the application"),
        ("reserved", f"reserved by run {crashed.pk}"),
        ("pending", f"the worker of run {crashed.pk} died before it did anything"),
        ("reserved", f"reserved by run {retry.pk}"),
        ("consumed", f"consumed by run {retry.pk}"),
    ]
    assert crashed.idempotency_key != retry.idempotency_key


def test_crash_after_crash_sends_it_once(deploy: Deploy) -> None:
    called = scripted("crash", reconcilable=True)
    crashes: list[str] = []

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        crashes.append(outcome.status)
        if len(crashes) < 4:
            raise SimulatedCrash

    deploy(calling(called, next))
    send()
    crash()
    for seconds in (0, 10, 40):
        crash(seconds)
        host(seconds)
    host(100)

    assert [run.status for run in runs()] == ["crashed"] * 3 + ["committed"]
    assert [run.retry_of for run in runs()] == [None, *runs()[:-1]]
    assert len({run.idempotency_key for run in runs()}) == 1
    assert (len(called.calls), crashes) == (1, ["applied"] * 4)
    assert (status_of("1"), runs()[-1].carried_mutation) == ("consumed", Mutation.objects.get())


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
