"""What a script plays, as the ledger sees it: each outcome, in its own words and for a real mutator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from tests.scenes import Scene, workflow_with
from tests.unit.declarations import mutator, workflow
from workflows_app import registry
from workflows_app.models import Event, Mutation, Run
from workflows_app.publishing import publish
from workflows_app.sdk import Mutator
from workflows_app.testing import (
    OUTCOMES,
    ScriptedMutator,
    SimulatedCrash,
    UnscriptedMutator,
    drain,
    registered,
    scripted,
)

SceneMaker = Callable[..., Scene]

BLOCKED = ("blocked", "", "indeterminate", "", "reserved")
DONE = ("committed", "", "applied", "response", "consumed")
FOUND = ("committed", "", "applied", "reconcile", "consumed")
NOT_FOUND = ("failed", "transient", "failed", "reconcile", "pending")

#: (outcome, reconcilable): (run, failure, mutation, settled by, event), did it happen?
PLAYED: dict[tuple[str, bool], tuple[tuple[str, ...], bool]] = {
    ("applied", False): (DONE, True),
    ("applied", True): (DONE, True),
    ("rejected", False): (("failed", "rejected", "failed", "response", "pending"), False),
    ("rejected", True): (("failed", "rejected", "failed", "response", "pending"), False),
    ("refused", False): (("failed", "transient", "failed", "response", "pending"), False),
    ("refused", True): (("failed", "transient", "failed", "response", "pending"), False),
    ("timeout", False): (BLOCKED, False),
    ("timeout", True): (NOT_FOUND, False),
    ("lost", False): (BLOCKED, True),
    ("lost", True): (FOUND, True),
    ("crash", False): (BLOCKED, True),
    ("crash", True): (FOUND, True),
    ("crash_before", False): (BLOCKED, False),
    ("crash_before", True): (NOT_FOUND, False),
}


def test_all_outcomes_are_played_here() -> None:
    assert {outcome for outcome, _ in PLAYED} == set(OUTCOMES)


@pytest.mark.django_db
@pytest.mark.parametrize(("outcome", "reconcilable"), PLAYED)
def test_an_outcome_is_played_as_a_real_one(
    scene: SceneMaker, outcome: str, reconcilable: bool
) -> None:
    play = scene(outcome, reconcilable=reconcilable)
    expected, happened = PLAYED[outcome, reconcilable]
    play.publish("42", {"amount": 1})

    if outcome.startswith("crash"):
        with pytest.raises(SimulatedCrash):
            play.run_host()
    play.run_host()

    run, mutation = (
        Run.objects.get(handler__kind="consumer", mutation__isnull=False),
        Mutation.objects.get(),
    )
    event = Event.objects.get(message_id="42", topic__name="invoice.received")
    key = mutation.idempotency_key
    assert (
        run.status, run.failure_kind, mutation.status, mutation.resolved_by, event.status,
    ) == expected  # fmt: skip
    assert play.mutator.calls == [({"amount": 1}, key)]
    assert play.mutator.effects == ([key] if happened else [])
    assert mutation.result == ({"number": 1} if mutation.status == "applied" else None)
    asked = reconcilable and expected in (FOUND, NOT_FOUND)
    assert play.mutator.reconciliations == ([key] if asked else [])
    assert mutation.target == "the script"


@pytest.mark.django_db
def test_outcomes_are_played_in_order_and_the_last_one_repeats(scene: SceneMaker) -> None:
    play = scene("refused", "applied")
    play.happens("1", days=1)
    play.happens("2", days=0)

    assert len(play.mutator.calls) == 3
    assert len(play.mutator.effects) == 2
    results = (
        Mutation.objects.filter(status="applied").order_by("pk").values_list("result", flat=True)
    )
    assert list(results) == [{"number": 1}, {"number": 2}]


def test_each_script_has_records_of_its_own_and_applies_unless_told_otherwise() -> None:
    one, other = scripted(), scripted(name="mail.send")

    one().execute({"a": 1}, idempotency_key="k")

    assert (one.calls, one.effects, one.outcomes) == ([({"a": 1}, "k")], ["k"], ["applied"])
    assert (other.calls, other.effects, other.reconciliations) == ([], [], [])
    assert (one.name, other.name) == ("scripted", "mail.send")
    assert (one.can_reconcile(), scripted(reconcilable=True).can_reconcile()) == (False, True)


def test_an_effect_answers_as_the_real_one_would_also_when_it_is_asked_for() -> None:
    lost = scripted("lost", reconcilable=True, result={"id": "c-1"})()
    with pytest.raises(TimeoutError):
        lost.execute({}, idempotency_key="k")

    asked = getattr(lost, "reconcile")({}, idempotency_key="k")  # noqa: B009 - not on the base
    assert asked.result == {"id": "c-1"}
    assert scripted(result=7)().execute({}, idempotency_key="k") == 7


class CreatePayment(Mutator):
    name = "bank.create_payment"
    absence_is_proof_after = timedelta(seconds=30)
    policy = {"reconcile_attempts": 2}

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        raise AssertionError("A test must not reach the bank.")

    def reconcile(self, params: Any, *, idempotency_key: str) -> Any:
        raise AssertionError("A test must not reach the bank.")

    def target(self, params: Any) -> str:
        return f"account {self.account(params)}"

    def verification_steps(self, params: Any) -> str:
        return f"Look at account {self.account(params)}."

    def account(self, params: Any) -> str:
        return str(params["account"])


def _register(*workflows: Any, **more: Any) -> None:
    with registered(*workflows, **more):
        raise AssertionError("the block must not begin")


A_NUMBER = "takes a whole number above 0, not 0."
A_LIST = (
    "registered(mutators=...) takes a list, as mutators=[scripted(replaces=CreatePayment)], not"
)
A_MUTATOR = "takes a class derived from Mutator, as"


@pytest.mark.parametrize(
    ("give", "why"),
    [
        (lambda: scripted("applied", "aplied"),
         f"scripted() knows no outcome 'aplied', only {OUTCOMES}."),
        (lambda: scripted(replaces="bank.pay"),  # type: ignore[arg-type]
         f"scripted(replaces=...) {A_MUTATOR} replaces=CreatePayment, not 'bank.pay'."),
        (lambda: scripted(replaces=CreatePayment()),  # type: ignore[arg-type]
         f"scripted(replaces=...) {A_MUTATOR} replaces=CreatePayment, not an instance of it."),
        (lambda: _register(workflow()()),
         "registered() takes a class derived from Workflow, as registered(InvoicePayments), not an instance of it."),
        (lambda: _register("pay"),
         "registered() takes a class derived from Workflow, as registered(InvoicePayments), not 'pay'."),
        (lambda: _register(mutators=CreatePayment), f"{A_LIST} {CreatePayment!r}."),
        (lambda: _register(mutators=[7]),
         f"registered(mutators=...) {A_MUTATOR} mutators=[scripted(replaces=CreatePayment)], not 7."),
        (lambda: _register(workflow(mutators=[CreatePayment]), mutators=[scripted()], allow_outside=True),
         "registered(mutators=..., allow_outside=True): no mutator of these workflows is called 'scripted', only"
         " bank.create_payment: give scripted(..., replaces=...)."),
        (lambda: drain(workflow()),  # type: ignore[arg-type]
         "drain() takes the slug of a workflow, as drain('flow')."),
        (lambda: drain(now=datetime(2030, 1, 1)),
         "drain(now=...) takes a datetime with a time zone, as django.utils.timezone.now() + timedelta(hours=1),"
         " not datetime.datetime(2030, 1, 1, 0, 0)."),
        (lambda: drain(at_once=0), f"drain(at_once=...) {A_NUMBER}"),
        (lambda: drain(max_steps=0), f"drain(max_steps=...) {A_NUMBER}"),
    ],
)  # fmt: skip
def test_what_a_test_can_not_give_is_refused_at_once(give: Callable[[], Any], why: str) -> None:
    with pytest.raises(AssertionError) as refused:
        give()

    assert str(refused.value) == why


@pytest.mark.django_db
def test_a_database_without_migrations_is_refused_in_a_sentence() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE procrastinate_jobs RENAME TO not_migrated")

    with pytest.raises(AssertionError, match=r"made without migrations.* without --nomigrations"):
        _register(workflow())


def test_a_stand_in_tells_staff_what_the_mutator_tells() -> None:
    stand_in = scripted("lost", replaces=CreatePayment)

    assert issubclass(stand_in, ScriptedMutator)
    assert (stand_in.name, stand_in.policy, stand_in.absence_is_proof_after) == (
        "bank.create_payment",
        {"reconcile_attempts": 2},
        timedelta(seconds=30),
    )
    assert stand_in.can_reconcile() is True
    assert stand_in().target({"account": 4711}) == "account 4711"
    assert stand_in().verification_steps({"account": 4711}) == "Look at account 4711."
    with pytest.raises(TimeoutError, match=r"^no answer, says the script$"):
        stand_in().execute({}, idempotency_key="k")
    assert stand_in().reconcile({}, idempotency_key="k").verdict == "applied"  # type: ignore[attr-defined]
    assert stand_in().reconcile({}, idempotency_key="x").verdict == "not_applied"  # type: ignore[attr-defined]


@pytest.mark.parametrize("reconcilable", [False, True])
def test_a_stand_in_may_stand_in_for_another(reconcilable: bool) -> None:
    other = type("Loses", (scripted("applied", reconcilable=reconcilable),), {})
    stand_in = scripted("lost", replaces=other)

    with pytest.raises(TimeoutError):
        stand_in().execute({}, idempotency_key="k")
    assert (stand_in.effects, other.effects) == (["k"], [])
    assert stand_in.can_reconcile() is reconcilable


def test_a_stand_in_for_what_can_not_be_asked_can_not_be_asked() -> None:
    assert scripted(replaces=mutator()).can_reconcile() is False


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("module", "is_of_tests"),
    [
        ("tests.bank", True),
        ("invoices.tests.fakes", True),
        ("invoices.tests", True),
        ("invoices.test_workflows", True),
        ("invoices.conftest", True),
        ("test_orders.workflows", False),
        ("acme.test_bench.mutators", False),
        ("invoices.test.fakes", True),
        ("invoices.workflows", False),
    ],
)
def test_a_mutator_is_a_stand_in_where_tests_define_it(module: str, is_of_tests: bool) -> None:
    flow = workflow(mutators=[mutator(__module__=module)])

    with registered(flow):
        found = registry.mutator("flow", "send")

    assert (found is flow.mutators[0]) is is_of_tests


@pytest.mark.django_db
def test_a_stand_in_plays_in_place_of_the_mutator_of_its_name() -> None:
    stand_in = scripted("applied", replaces=CreatePayment)
    flow: Any = workflow_with(CreatePayment)  # type: ignore[arg-type]  # any mutator will do

    with registered(flow, mutators=[stand_in, scripted(name="unused")]):
        publish(workflow="pay", topic="invoice.received", message_id="1", payload={"account": 1})
        drain("pay")
        assert registry.get("pay").mutators == [stand_in]  # type: ignore[union-attr]

    assert flow.mutators == [CreatePayment]
    mutation = Mutation.objects.get()
    assert (mutation.status, mutation.mutator, mutation.target) == (
        "applied",
        "bank.create_payment",
        "account 1",
    )
    assert stand_in.calls == [({"account": 1}, mutation.idempotency_key)]


@pytest.mark.django_db
def test_a_mutator_of_the_project_is_not_asked_outside_either() -> None:
    outside = {each: lambda *_, **__: pytest.fail("outside") for each in ("execute", "reconcile")}
    own = {"__module__": "shop.workflows", "name": "bank.pay", **outside}
    flow: Any = workflow_with(type("Pay", (Mutator,), own))  # type: ignore[arg-type]  # any mutator will do
    with registered(flow, mutators=[scripted("crash", replaces=flow.mutators[0])]):
        publish(workflow="pay", topic="invoice.received", message_id="1", payload={})
        with pytest.raises(SimulatedCrash):
            drain("pay")

    repaired = type("Payments", (flow,), {"__module__": __name__, "version": "1.1"})
    with (
        registered(repaired),
        pytest.raises(UnscriptedMutator, match=r"^'bank\.pay' is no stand-in"),
    ):
        drain("pay")
