"""After everything that can happen has happened, the doctor finds no violation."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from tests.doctor.planting import assert_sound, found_by
from tests.doctor.shop import Shop
from tests.operations.readiness import without_code
from workflows_app.doctor import CHECKS
from workflows_app.engine.answers import Finding, Verdict
from workflows_app.engine.late import record_late
from workflows_app.models import Breaker, Event, Mutation, OperatorAction, Run
from workflows_app.models.saving import save_with_history
from workflows_app.operations import (
    OperationRefused,
    add_note,
    close_breaker,
    decide_now,
    it_didnt_happen,
    it_happened,
    pause_workflow,
    resume_workflow,
    retire_workflow,
    retry_failed_run,
    run_producers_now,
    skip_event,
    skip_run,
    take,
    try_again,
)
from workflows_app.testing import SimulatedCrash

pytestmark = pytest.mark.django_db


def crash(shop: Shop) -> None:
    with pytest.raises(SimulatedCrash):
        shop.run_host()


def recovers(shop: Shop) -> None:
    """Let a worker find what a dead one left, and do what it owes; then what that owes in its turn."""
    shop.run_host()
    shop.run_host(hours=1)
    shop.run_host(hours=1)


def happens(shop: Shop, number: str, by: str | None = "bank") -> Event:
    """Let an order come to its end, or to where somebody is needed."""
    event = shop.order(number, by=by)
    shop.run_host()
    shop.run_host(hours=1)
    return event


def every_outcome_of_a_call(shop: Shop) -> None:
    shop.bank += ["applied", "lost", "timeout", "applied", "refused", "applied"]
    for number in ("applied", "lost", "timeout", "refused"):
        happens(shop, number)
    shop.bank += ["crash", "crash_before", "applied"]
    for number in ("crash", "crash_before"):
        shop.order(number)
        crash(shop)
        recovers(shop)
    shop.bank += ["lost"]
    shop.trouble["ask"] += ["logic"]
    happens(shop, "asked twice")


def every_decision_on_a_run(shop: Shop, person: User) -> None:
    shop.mail += ["lost", "applied", "lost", "lost"]
    asserted = happens(shop, "asserted", by="mail")
    it_didnt_happen(shop.last_run(asserted), actor=person, reason="not in the post box")
    shop.trouble["mutate"] += ["crash"]
    crash(shop)
    recovers(shop)
    for number in ("skipped", "skipped too"):
        event = happens(shop, number, by="mail")
        take(shop.last_run(event), actor=person)
        add_note(shop.last_run(event), actor=person, text="the shop has closed")
        skip_run(shop.last_run(event), actor=person, reason="no longer wanted")
        shop.trouble["next"] += ["crash", "transient"]
        crash(shop)
        recovers(shop)
    shop.bank += ["lost"]
    shop.trouble["ask"] += ["logic", "logic"]
    again = happens(shop, "asked again")
    try_again(shop.last_run(again), actor=person, reason="the bank is back")
    shop.run_host()
    shop.bank += ["lost"]
    shop.trouble["ask"] += ["logic", "logic"]
    probed = shop.last_run(happens(shop, "asked first"))
    with pytest.raises(OperationRefused, match="says that it happened"):
        it_didnt_happen(probed, actor=person, reason="not there", probe=True)
    recovers(shop)
    shop.bank += ["lost"]
    shop.trouble["ask"] += ["logic"]
    shop.order("decided now")
    shop.run_host()
    decided = Run.objects.get(status="reconciling")
    decide_now(decided, actor=person, reason="I have the bank on the phone")
    it_happened(decided, actor=person, reason="they have it", result={"number": 1})
    shop.trouble["next"] += ["crash", "transient"]
    crash(shop)
    recovers(shop)


def every_failure_of_a_handler(shop: Shop, person: User) -> None:
    shop.bank += ["rejected", "applied"]
    rejected = happens(shop, "rejected")
    retry_failed_run(
        Run.objects.get(reservations__event=rejected), actor=person, reason="the limit was raised"
    )
    shop.run_host()
    for phase in ("prepare", "mutate", "next"):
        shop.trouble[phase] += ["transient", "crash", "logic"]
        shop.order(phase, by=None)
        shop.run_host()
        shop.now += timedelta(hours=1)
        crash(shop)
        recovers(shop)
        retry_failed_run(Run.objects.get(owes_retry=True), actor=person, reason="try it")
        shop.run_host()
    shop.trouble["poll"] += ["transient"]
    shop.run_host(hours=6)
    shop.run_host(hours=1)


def every_decision_on_a_workflow(shop: Shop, person: User) -> None:
    event = shop.order("skipped alone")
    skip_event(event, actor=person, reason="a test order")
    pause_workflow(shop.workflow, actor=person, reason="holidays")
    shop.order("while paused", by=None)
    shop.order("while paused", by=None, note="changed")
    shop.order("while paused", by=None, note="changed")
    shop.run_host()
    resume_workflow(shop.workflow, actor=person, reason="back again")
    run_producers_now(shop.workflow, actor=person, reason="what is new?")
    shop.run_host()


def every_state_of_a_breaker(shop: Shop, person: User) -> None:
    breaker = Breaker.objects.get(handler__name="Pay")
    breaker.unknowns = 5
    breaker.open(now=shop.now, trial_at=shop.now)
    save_with_history(breaker, reason="five unknowns in a row")
    breaker.let_one_through()
    save_with_history(breaker, reason="a trial")
    close_breaker(breaker.handler, actor=person, reason="the bank is back")


def every_change_of_version(shop: Shop) -> None:
    shop.trouble["next"] += ["logic"]
    shop.order("repaired", by=None)
    shop.run_host()
    shop.deploy("1.1")
    shop.run_host()
    shop.deploy("2.0", tells=False, accept_orphans=True)
    shop.bank += ["applied"]
    happens(shop, "orphan")
    shop.deploy("1.1", rollback=True, note="2.0 tells nobody")
    shop.run_host()
    shop.deploy("3.0", tells=False, accept_orphans=True)
    shop.bank += ["applied"]
    happens(shop, "orphan for good")


def test_a_database_in_which_everything_happened_is_sound(shop: Shop, person: User) -> None:
    every_outcome_of_a_call(shop)
    every_decision_on_a_run(shop, person)
    every_failure_of_a_handler(shop, person)
    every_decision_on_a_workflow(shop, person)
    every_state_of_a_breaker(shop, person)
    every_change_of_version(shop)
    retire_workflow(without_code(), actor=person, reason="its code is gone")
    paid = Mutation.objects.filter(status="applied").earliest("pk")
    record_late(paid, Finding(Verdict.NOT_APPLIED, "never heard of it"))

    assert set(Run.objects.values_list("status", flat=True)) == {"committed", "failed", "crashed"}
    assert set(Mutation.objects.values_list("status", flat=True)) == {
        "applied",
        "failed",
        "skipped",
    }
    assert set(Mutation.objects.values_list("resolved_by", flat=True)) == {
        "response",
        "reconcile",
        "operator",
    }
    assert set(OperatorAction.objects.values_list("operation", flat=True)) == set(
        OperatorAction.Operation.values
    )
    late, topic = paid.evidence.get(kind="late"), shop.workflow.topics.get(name="paid")
    assert_sound(
        shop.now,
        f"D425 shop: mutation {paid.pk} is applied by response, but evidence {late.pk} (late) says"
        " not_applied",
        f"D903 shop: topic {topic.pk} paid has 1 pending event(s)",
        # Who the tests are to the database is another matter: they own the tables.
        checks=[check for check in CHECKS if check.id != "D111"],
    )


@pytest.mark.parametrize(
    ("phase", "outcome"),
    [("prepare", "applied"), ("mutate", "applied"), ("next", "applied"), (None, "crash")],
)
def test_what_a_dead_worker_leaves_behind_is_sound(
    shop: Shop, phase: str | None, outcome: str
) -> None:
    shop.bank += [outcome]
    if phase:
        shop.trouble[phase] += ["crash"]
    shop.order("1")
    crash(shop)
    assert_sound(shop.now)
    shop.run_host()
    assert_sound(shop.now)


def test_a_dropped_retry_is_not_made_while_another_one_is_owed(shop: Shop, person: User) -> None:
    shop.bank += ["applied"]
    shop.trouble["tell"] += ["logic"]
    happens(shop, "1")
    dropped = Run.objects.get(owes_retry=True)
    shop.deploy("2.0", tells=False, accept_orphans=True)
    shop.trouble["prepare"] += ["logic"]
    happens(shop, "2")
    owing = Run.objects.get(owes_retry=True)
    shop.deploy("2.1")

    with pytest.raises(OperationRefused) as refused:
        retry_failed_run(dropped, actor=person, reason="now")

    assert refused.value.code == "run_open"
    assert str(refused.value) == (
        f"Run {dropped.pk} can't be retried now: run {owing.pk} of its lane has failed, and is"
        f" to be retried first."
    )
    assert found_by("D306") == []
    shop.run_host()
    assert_sound(shop.now)
