"""Ask before you assert: the outside system is asked once, and a definite answer wins over the person (P7)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone, translation

from tests.operations.asked_bank import ABSENT, APPLIED, Bank
from tests.operations.readiness import SceneMaker, may_only, mute, refusal
from tests.scenes import Scene
from tests.sound import violations
from workflows_app import registry
from workflows_app.errors import OperationRefused
from workflows_app.models import Breaker, Event, Evidence, Handler, Lease, OperatorAction, Run
from workflows_app.operations import asking, asserting, it_didnt_happen, it_happened
from workflows_app.operations.seen import seen_now
from workflows_app.sdk import Reconciliation

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank(scene: SceneMaker) -> Bank:
    mutator = mute("timeout", "applied")
    return Bank(scene(mutator=mutator), mutator)


def contradicted(decides: Callable[..., OperatorAction], run: Run, actor: User) -> str:
    with pytest.raises(OperationRefused) as caught:
        decides(run, actor=actor, reason="I looked", probe=True)
    assert caught.value.code == "contradicted"
    return str(caught.value)


def test_it_happened_says_the_outside_so_nothing_is_sent_again(
    bank: Bank, operator_user: User
) -> None:
    bank.says(APPLIED)

    assert contradicted(it_didnt_happen, bank.run, operator_user) == (
        "The outside system was asked, and says that it happened. So nothing is sent: run"
        f" {bank.run.pk} goes on as if the answer had arrived."
    )

    assert bank.now() == ("active", "applied", "reconcile")
    assert (bank.probe.verdict, bank.probe.actor, bank.probe.actor_name) == (
        "applied",
        operator_user,
        "olga",
    )
    assert bank.probe.detail == "olga said that it did not happen: I looked", "no word is lost"
    assert bank.probe.duration_ms is not None
    assert Lease.objects.filter(next_due_at__lte=Now()).exists(), "the host is woken"
    assert not OperatorAction.objects.exists()
    bank.play.run_host()
    assert Event.objects.get(topic__name="invoice.paid").payload == {"number": "B-1"}
    assert len(bank.mutator.calls) == 1
    _require_sound()


@pytest.mark.parametrize(
    ("policy", "is_gone", "told"),
    [
        ({}, False, "its events are free, and they are taken anew."),
        ({"transient_retries": 0}, False, "its events are free, and it waits for “Retry now”."),
        ({}, True, "and its events are pending."),
    ],
    ids=["tried again", "no retries left", "no handler"],
)
def test_it_did_not_happen_says_the_outside_and_what_becomes_of_the_events(
    bank: Bank, operator_user: User, policy: dict[str, int], is_gone: bool, told: str
) -> None:
    bank.mutator.policy = {**bank.mutator.policy, **policy}
    bank.says(ABSENT)
    Handler.objects.filter(kind="consumer").update(is_current=not is_gone)

    assert contradicted(it_happened, bank.run, operator_user) == (
        "The outside system was asked, and says that it did not happen. So nothing goes on as if it had:"
        f" run {bank.run.pk} has failed, {told}"
    )


def test_history_is_in_english_whatever_the_person_reads(bank: Bank, operator_user: User) -> None:
    bank.says(APPLIED)
    with translation.override("de"):
        contradicted(it_didnt_happen, bank.run, operator_user)
    told = bank.run.mutation.history.latest().history_change_reason
    assert told == "it happened, by asking the outside system"


def test_the_result_is_what_the_outside_says_where_it_agrees(
    bank: Bank, operator_user: User
) -> None:
    bank.says(APPLIED)
    shown = seen_now([bank.run])[bank.run.pk]

    action = it_happened(
        bank.run,
        actor=operator_user,
        reason="I looked",
        result={"number": "B-l"},
        probe=True,
        seen=shown,
    )

    assert bank.now() == ("active", "applied", "operator")
    assert action.evidence_seen == bank.probe
    assert Run.objects.get(pk=bank.run.pk).mutation.result == {"number": "B-1"}


@pytest.mark.parametrize("slow_is", ["the outside", "the database"])
def test_not_there_says_what_was_so_when_the_outside_was_asked(
    bank: Bank, operator_user: User, slow_is: str
) -> None:
    proof_at = timezone.now() + timedelta(seconds=0.5)
    bank.mutator.absence_is_proof_after = proof_at - bank.run.mutation.ended_at

    def wait() -> None:
        while timezone.now() <= proof_at:
            pass

    def ask() -> Reconciliation:
        if slow_is == "the outside":
            wait()
        return ABSENT

    def execute(do: Callable[..., Any], *statement: Any) -> Any:
        if bank.mutator.reconciliations[asked:]:
            wait()
        return do(*statement)

    asked = len(bank.mutator.reconciliations)
    bank.says(ask)
    with connection.execute_wrapper(execute):
        it_happened(bank.run, actor=operator_user, reason="they told me", probe=True)

    assert (bank.now()[0], bank.probe.verdict) == ("active", "unknown")


def test_what_can_not_be_asked_is_decided_by_the_person(blocked: Run, operator_user: User) -> None:
    with registry.override():
        registry.declared.pop("pay")
        assert not asking.can_ask(blocked)
        it_didnt_happen(blocked, actor=operator_user, reason="not there", probe=True)

    assert not Evidence.objects.filter(kind="probe").exists()
    assert Run.objects.filter(retry_of=blocked).exists()


def test_who_may_not_decide_or_saw_something_else_has_nobody_asked(
    bank: Bank, operator_user: User, settings: Any
) -> None:
    bank.says(APPLIED)
    asked = len(bank.mutator.reconciliations)
    press = partial(it_didnt_happen, probe=True)

    assert refusal(press, bank.run, may_only("petra", "skip_run"))[0] == "permission_denied"
    assert refusal(partial(press, seen="e0-d0"), bank.run, operator_user)[0] == "stale"
    settings.WORKFLOWS_DECIDERS = {"pay": ["Clerks"]}
    assert refusal(press, bank.run, operator_user)[0] == "permission_denied"

    assert len(bank.mutator.reconciliations) == asked


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_at_once_are_served_one_after_the_other(
    bank: Bank, operator_user: User
) -> None:
    other = may_only("petra", "assert_happened")

    def meanwhile() -> Reconciliation:
        bank.says(Reconciliation.retry("busy"))
        it_happened(bank.run, actor=other, reason="it is in the list")
        return ABSENT

    bank.says(meanwhile)
    with pytest.raises(OperationRefused) as caught:
        it_didnt_happen(bank.run, actor=operator_user, reason="I looked", probe=True)

    assert caught.value.code == "not_blocked"
    assert "petra decided “It happened”" in str(caught.value)
    assert bank.now() == ("active", "applied", "operator")
    assert (bank.probe.verdict, bank.probe.contradicts) == ("not_applied", True)


@pytest.mark.django_db(transaction=True)
def test_a_result_that_another_run_gets_while_the_outside_is_asked_is_refused(
    bank: Bank, scene: SceneMaker, operator_user: User
) -> None:
    bank.mutator.outcomes[-1] = "timeout"
    other = scene(mutator=bank.mutator, slug="other").happens(days=0)
    bank.mutator.result_fields = {"number": "The payment's number"}
    says = {"actor": operator_user, "reason": "it is in the list", "result": {"number": "4711"}}

    def meanwhile() -> Reconciliation:
        it_happened(other, **says)
        return Reconciliation.retry("busy")

    bank.says(meanwhile)
    with pytest.raises(OperationRefused, match=f"already the result of run {other.pk}") as caught:
        it_happened(bank.run, **says, probe=True)

    assert caught.value.code == "result_invalid"
    assert bank.now() == ("blocked", "indeterminate", "")


def test_not_there_after_an_answer_that_it_happened_sends_nothing_and_is_shown(
    bank: Bank, operator_user: User
) -> None:
    bank.says(APPLIED)
    asking.look(bank.run, actor=operator_user)
    shown = seen_now([bank.run])[bank.run.pk]
    bank.says(ABSENT)
    press = partial(it_happened, actor=operator_user, reason="I looked", probe=True)

    with pytest.raises(OperationRefused) as caught:
        press(bank.run, seen=shown)

    assert caught.value.code == "stale"
    assert bank.now() == ("blocked", "indeterminate", "")
    press(bank.run, seen=seen_now([bank.run])[bank.run.pk])
    assert bank.now() == ("active", "applied", "operator")


def test_what_an_open_breaker_held_back_goes_out_at_once_if_the_outside_answers_who_looks(
    scene: SceneMaker, operator_user: User
) -> None:
    mutator = mute("timeout")
    play = scene(mutator=mutator)
    with registry.override(_breaking(play)):
        bank = Bank(play, mutator)
        Lease.objects.update(next_due_at=Breaker.objects.get().trial_at)
        bank.says(APPLIED)

        asking.look(bank.run, actor=operator_user)

    assert Breaker.objects.get().status == "closed"
    assert Lease.objects.filter(next_due_at__lte=Now()).exists()


def _breaking(play: Scene) -> Any:
    code = type("Breaking", (registry.declared[play.slug],), {})
    code.policy = {"breaker_after_unknowns": 1}
    return code


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("of_mutator", "of_person"),
    [
        (0.05, ()),
        (10.0, (asserting, "PROBE_SECONDS", 0.05)),
        (10.0, (asking, "LOOK_SECONDS", 0.05)),
    ],
    ids=["the mutator's limit", "that of who decides", "that of who looks"],
)
def test_whom_the_outside_keeps_waiting_decides_and_the_answer_is_kept_when_it_comes(
    scene: SceneMaker,
    operator_user: User,
    monkeypatch: pytest.MonkeyPatch,
    of_mutator: float,
    of_person: tuple[Any, ...],
) -> None:
    if of_person:
        monkeypatch.setattr(*of_person)
    released = threading.Event()
    mutator = mute("timeout", "applied")
    mutator.policy = {**mutator.policy, "call_timeout_seconds": of_mutator}
    bank = Bank(scene(mutator=mutator), mutator)
    mutator.absence_is_proof_after = timedelta(hours=1)

    def late() -> Reconciliation:
        released.wait(60)
        return ABSENT

    bank.says(late)
    if asking in of_person:
        asking.look(bank.run, actor=operator_user)
    else:
        it_happened(bank.run, actor=operator_user, reason="I called them", probe=True)
    assert (bank.probe.verdict, bank.probe.detail) == ("unknown", "no answer within 0.05 s")

    released.set()
    for thread in threading.enumerate():
        if thread.name == "workflows-call":
            thread.join(60)
    kept = Evidence.objects.get(kind="late")
    assert (kept.verdict, kept.contradicts) == ("unknown", False), "the search may lag"


def _require_sound() -> None:
    """No promise is broken in what is stored."""
    assert violations() == []
