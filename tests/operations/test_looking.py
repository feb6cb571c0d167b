"""The outside system is asked for whoever looks at a blocked run: that decides nothing, and helps to decide (P3, P7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from tests.clocks import database_ahead
from tests.operations.readiness import SceneMaker, changed, everything, may_only, mute
from tests.operations.test_asking_first import ABSENT, APPLIED, Bank
from workflows_app.errors import OperationRefused
from workflows_app.models import Breaker, Evidence, Mutation, Run
from workflows_app.operations import it_didnt_happen, it_happened, skip_run
from workflows_app.operations.asking import is_asked_for, look
from workflows_app.operations.heard import answer_about
from workflows_app.operations.it_happened import IT_HAPPENED
from workflows_app.operations.seen import seen_now
from workflows_app.sdk import Reconciliation

pytestmark = pytest.mark.django_db


@pytest.fixture
def bank(scene: SceneMaker) -> Bank:
    mutator = mute("timeout", "applied")
    mutator.result_fields = {"number": "The payment's number"}
    return Bank(scene(mutator=mutator), mutator)


def test_an_answer_is_kept_with_the_person_and_nothing_else_changes(
    bank: Bank, operator_user: User
) -> None:
    # What came too late nobody was told who asked.
    Evidence.objects.create(mutation=bank.run.mutation, kind="late", verdict="applied")
    assert answer_about(bank.run) is None
    before = everything()
    assert is_asked_for(bank.run, operator_user)
    bank.says(APPLIED)

    heard = look(bank.run, actor=operator_user)

    assert heard == bank.probe == answer_about(bank.run)
    assert (heard.verdict, heard.actor, heard.actor_name) == ("applied", operator_user, "olga")
    assert bank.now()[0] == "blocked"
    # A definite answer closes the circuit breaker, whoever asked.
    assert set(changed(before, everything())) == {"Evidence", "Breaker", "HistoricalBreaker"}
    assert Breaker.objects.get().unknowns == 0
    assert not is_asked_for(bank.run, operator_user), "so soon the answer is the same"
    assert look(bank.run, actor=operator_user) == answer_about(bank.run) != heard


def test_how_long_ago_it_was_asked_is_told_by_the_clock_that_all_consoles_share(
    bank: Bank, operator_user: User
) -> None:
    bank.says(APPLIED)
    with database_ahead(-3600, "statement_timestamp"):
        heard = look(bank.run, actor=operator_user)

        assert heard is not None
        assert heard.created_at < timezone.now() - timedelta(minutes=59)
        assert not is_asked_for(bank.run, operator_user)
    assert is_asked_for(bank.run, operator_user)


def test_what_it_answered_need_not_be_told_by_the_person(bank: Bank, operator_user: User) -> None:
    bank.says(APPLIED)
    with pytest.raises(OperationRefused, match="lacks “number”"):
        it_happened(bank.run, actor=operator_user, reason="x", probe=True)
    look(bank.run, actor=operator_user)

    it_happened(bank.run, actor=operator_user, reason="The bank says so", probe=True)

    assert bank.now() == ("active", "applied", "operator")
    assert Mutation.objects.get().result == {"number": "B-1"}
    assert answer_about(Run.objects.get(pk=bank.run.pk)) is None, "of what is settled nobody asks"


def test_if_it_can_not_say_any_more_the_person_must(bank: Bank, operator_user: User) -> None:
    bank.says(APPLIED)
    look(bank.run, actor=operator_user)
    bank.says(TimeoutError)

    with pytest.raises(OperationRefused, match="lacks “number”"):
        it_happened(bank.run, actor=operator_user, reason="The bank said so", probe=True)

    assert bank.now()[0] == "blocked"
    assert IT_HAPPENED.asks(bank.run) == {"number": "The payment's number"}


@pytest.mark.parametrize("says", [Reconciliation.applied(), TimeoutError])
def test_what_the_author_checks_is_checked_before_anything_is_locked(
    bank: Bank, operator_user: User, says: Any
) -> None:
    inside: list[bool] = []
    # The author's code is called in another thread.
    session = connections["default"]
    outermost = len(session.savepoint_ids)

    def check_result(mutator: Any, params: Any, result: Any) -> None:
        inside.append(len(session.savepoint_ids) > outermost)

    bank.mutator.result_fields = {}
    bank.mutator.check_result = check_result  # type: ignore[method-assign]
    bank.says(Reconciliation.applied())
    look(bank.run, actor=operator_user)
    bank.says(says)

    it_happened(bank.run, actor=operator_user, reason="The bank says so", probe=True)

    assert inside == [False]


def test_an_answer_without_a_result_is_taken_as_the_host_takes_it(
    bank: Bank, operator_user: User
) -> None:
    bank.says(Reconciliation.applied())
    look(bank.run, actor=operator_user)

    it_happened(bank.run, actor=operator_user, reason="The bank says so", probe=True)

    assert bank.now() == ("active", "applied", "operator")


def test_against_the_answer_it_takes_a_tick_of_its_own(bank: Bank, operator_user: User) -> None:
    bank.says(APPLIED)
    look(bank.run, actor=operator_user)
    with pytest.raises(OperationRefused, match="that it happened") as refused:
        it_didnt_happen(bank.run, actor=operator_user, reason="I looked")
    assert refused.value.code == "contradicted"


@pytest.mark.parametrize("heard", ["nothing", "nothing new", "news"])
def test_only_what_says_something_new_makes_what_another_person_sees_stale(
    bank: Bank, operator_user: User, heard: str
) -> None:
    if heard == "nothing new":
        bank.says(ABSENT)
        look(bank.run, actor=operator_user)
    seen = str(seen_now([bank.run])[bank.run.pk])
    bank.says(TimeoutError if heard == "nothing" else ABSENT)
    look(bank.run, actor=User.objects.create_superuser("otto"))

    if heard == "news":
        with pytest.raises(OperationRefused, match="is not as you saw it"):
            skip_run(bank.run, actor=operator_user, reason="x", seen=seen)
    else:
        skip_run(bank.run, actor=operator_user, reason="x", seen=seen)
    assert bank.now()[0] == ("blocked" if heard == "news" else "active")
    probes = Evidence.objects.filter(kind="probe").order_by("pk")
    assert [probe.attempt for probe in probes] == ([1, 2] if heard == "nothing new" else [1])


def test_who_may_not_decide_does_not_ask_and_of_a_settled_run_nobody_asks(
    bank: Bank, operator_user: User, viewer_user: User
) -> None:
    assert not is_asked_for(bank.run, viewer_user)
    assert is_asked_for(bank.run, may_only("petra", "assert_happened"))
    with pytest.raises(OperationRefused) as refused:
        look(bank.run, actor=viewer_user)
    assert refused.value.code == "permission_denied"
    # A permission is not all that it takes.
    with override_settings(WORKFLOWS_DECIDERS={"*": ["Clerks"]}):
        assert not is_asked_for(bank.run, operator_user)
        assert is_asked_for(bank.run, User.objects.create_superuser("root"))
        with pytest.raises(OperationRefused) as refused:
            look(bank.run, actor=operator_user)
    assert refused.value.code == "permission_denied"
    skip_run(bank.run, actor=operator_user, reason="x")
    run = Run.objects.get(pk=bank.run.pk)
    assert not is_asked_for(run, operator_user)
    assert look(run, actor=operator_user) is None
    assert not Evidence.objects.filter(kind="probe").exists()
