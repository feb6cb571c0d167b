"""A stage on which much has happened: several of each thing, all different, so that no two can be taken for one.

Its numbers, keys and moments are the same whenever it is set up.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from tests.texts.fixed import fix, number_rows
from workflows_app import registry
from workflows_app.engine.answers import Finding, Verdict
from workflows_app.engine.late import record_late
from workflows_app.models import Breaker, Event, Run, Workflow
from workflows_app.models.saving import save_with_history
from workflows_app.operations import (
    add_note,
    it_didnt_happen,
    it_happened,
    pause_workflow,
    skip_event,
    skip_run,
    take,
)
from workflows_app.publishing import publish, register_input
from workflows_app.sdk import (
    Consumer,
    Every,
    MutationCall,
    MutationOutcome,
    Mutator,
    NextContext,
    NotApplied,
    PollContext,
    PrepareContext,
    PrepareResult,
    Producer,
    Reconciliation,
    TransientError,
)
from workflows_app.sdk import Workflow as WorkflowCode
from workflows_app.testing import drain, registered

#: All that the stage tells of lies before.
AFTERWARDS = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


class Pay(Mutator):
    """The bank does what an invoice says, and can be asked."""

    name = "bank.pay"
    absence_is_proof_after = timedelta(0)
    key_lasts = timedelta(hours=24)
    policy = {"reconcile_attempts": 2}
    result_fields = {"payment": "The bank's payment number", "paid_on": "The day"}
    secret_params = ["iban"]

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        match params["how"]:
            case "applied":
                return {"payment": f"P-{params['invoice']}"}
            case "rejected":
                raise NotApplied(f"the account of {params['to']} is closed")
            case "refused":
                raise NotApplied(f"the bank is busy with {params['to']}", retryable=True)
        raise TimeoutError(f"no answer about {params['invoice']} from {params['iban']}")

    def reconcile(self, params: Any, *, idempotency_key: str) -> Reconciliation:
        match params["how"]:
            case "lost":
                return Reconciliation.applied({"payment": f"P-{params['invoice']}"})
            case "listed late":
                return Reconciliation.retry(f"the list of {params['to']} is not complete")
        raise ConnectionError(f"the bank is away for {params['to']}")

    def target(self, params: Any) -> str:
        return "" if params["to"] == "November" else f"account of {params['to']}"

    def verification_steps(self, params: Any) -> str:
        return f"Search the bank's list for {params['invoice']}"


class Send(Mutator):
    """Mail of which nobody can tell whether it arrived."""

    name = "mail.send"

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        if params["how"] == "lost":
            raise ConnectionResetError(f"the mail server hung up on {params['invoice']}")
        return {"message": f"M-{params['invoice']}"}

    def target(self, params: Any) -> str:
        return f"post box of {params['to']}"


class ReadInvoices(Producer):
    publishes = ["invoice.received"]
    schedule = Every(hours=6)

    def poll(self, ctx: PollContext, state: Any) -> Any:
        return {"polls": 1}


class PayInvoices(Consumer):
    subscribes = ["invoice.received"]
    publishes = ["invoice.paid"]

    def lane(self, event: Any) -> str:
        return str(event.payload["to"])

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek("invoice.received", limit=1)
        if not events:
            return PrepareResult.nothing()
        payload = {**events[0].payload, "invoice": events[0].message_id}
        if payload["how"] == "transient":
            raise TransientError(f"the rates for {payload['to']} are not there yet")
        if payload["how"] == "logic":
            raise KeyError(f"amount of {payload['invoice']}")
        return PrepareResult(events, payload, f"Pay {payload['invoice']} to {payload['to']}")

    def mutate(self, prepared: PrepareResult) -> MutationCall | None:
        return MutationCall(Send if prepared.data.get("by") == "mail" else Pay, prepared.data)

    def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        if outcome.status == "applied":
            ctx.publish(
                "invoice.paid",
                message_id=f"paid-{prepared.data['invoice']}",
                payload=outcome.result,
            )


def _code(slug: str, title: str, version: str) -> type[WorkflowCode]:
    return type(
        "Payments",
        (WorkflowCode,),
        {
            "__module__": __name__,
            "slug": slug,
            "title": title,
            "version": version,
            "producers": [ReadInvoices],
            "consumers": [PayInvoices],
            "mutators": [Pay, Send],
            "policy": {"breaker_after_unknowns": 20},
        },
    )


#: Three workflows of one code.
INVOICES = _code("invoices", "Pay the invoices", "1.4")
REFUNDS = _code("refunds", "Pay money back", "2.0")
LETTERS = _code("letters", "Write to suppliers", "1.0")


@contextmanager
def code_of(**versions: str) -> Iterator[None]:
    """Let the code of a block have these versions: of `invoices`, also `changed` or `without_consumer`."""
    declared = []
    for name, version in versions.items():
        slug = "invoices" if name in ("changed", "without_consumer") else name.replace("_", "-")
        code = _code(slug, f"{slug}, deployed", version)
        if name == "without_consumer":
            code.consumers = []
        declared.append(code)
    with registry.override(*declared):
        yield


class Stage:
    """What happens there."""

    def __init__(self) -> None:
        # The host's moments come after all that rows are dated by themselves, however long that takes.
        self.now = timezone.now() + timedelta(days=1)
        operators = Group.objects.get(name="Workflow operators")
        self.olga = User.objects.create_user("olga", is_staff=True)
        self.olga.groups.add(operators)
        User.objects.create_user("left", is_staff=True, is_active=False)
        self.paula = User.objects.create_superuser("paula")
        self.viktor = User.objects.create_user("viktor", is_staff=True)
        self.viktor.groups.add(Group.objects.get(name="Workflow viewers"))

    def publish(self, slug: str, number: str, how: str, to: str, **more: Any) -> None:
        payload = {"how": how, "to": to, "iban": f"DE00{to.upper()}{number[-3:]}", **more}
        publish(
            workflow=slug,
            topic="invoice.received",
            message_id=number,
            payload=payload,
            input=register_input(
                workflow=slug, source="erp", type="invoice", external_id=f"ERP {number}", title=f"Invoice {number}"
            ),
        )  # fmt: skip

    def happens(
        self, slug: str, number: str, how: str, to: str, *, minutes: int = 0, **more: Any
    ) -> Run:
        """Publish an invoice, let the host work, and work again so much later; return the newest run of it."""
        self.publish(slug, number, how, to, **more)
        self.host_works(slug)
        if minutes:
            self.host_works(slug, minutes=minutes)
        return self.run_of(number)

    def host_works(self, slug: str, *, minutes: int = 0) -> None:
        self.now += timedelta(minutes=minutes, seconds=1)
        drain(slug, now=self.now)

    def run_of(self, number: str) -> Run:
        workflow = "workflow", "handler", "mutation"
        runs = Run.objects.select_related(*workflow).order_by("pk")
        found = runs.filter(reservations__event__message_id=number).last()
        found = found or runs.filter(lane=self.event(number).lane).last()
        assert found is not None
        return found

    def everything_happens(self) -> None:
        self._what_is_settled()
        self._what_waits()
        self._what_is_elsewhere()

    def _what_is_settled(self) -> None:
        self.happens("invoices", "I-101", "applied", "Alba")
        self.happens("invoices", "I-102", "lost", "Brix")
        didnt = self.happens("invoices", "I-103", "lost", "Cargo", by="mail")
        it_didnt_happen(didnt, actor=self.olga, reason="Cargo has no such mail")
        record_late(didnt.mutation, Finding(Verdict.APPLIED, "queued as 4711"))
        happened = self.happens("invoices", "I-104", "lost", "Delta", by="mail")
        it_happened(
            happened, actor=self.paula, reason="Delta has called", result={"message": "by phone"}
        )
        listed = self.happens("invoices", "I-107", "mute", "Gamma", minutes=30)
        found = {"payment": "P-77", "paid_on": "Friday"}
        it_happened(listed, actor=self.olga, reason="Gamma is in the list", result=found)
        skipped = self.happens("invoices", "I-105", "lost", "Echo", by="mail")
        skip_run(skipped, actor=self.olga, reason="Echo is closed")
        self.publish("invoices", "I-106", "applied", "Fox")
        skip_event(self.event("I-106"), actor=self.paula, reason="Fox sent it twice")
        self.host_works("invoices", minutes=1)

    def _what_waits(self) -> None:
        self.happens("invoices", "I-201", "mute", "Golf", minutes=30)
        for number in ("I-202", "I-203"):
            self.publish("invoices", number, "applied", "Golf")
        taken = self.happens("invoices", "I-211", "lost", "Hotel", by="mail")
        add_note(taken, actor=self.paula, text="Hotel is on holiday")
        take(taken, actor=self.olga, reason="I call Hotel")
        record_late(taken.mutation, Finding(Verdict.NOT_APPLIED, "bounced at Hotel"))
        self.publish("invoices", "I-212", "applied", "Hotel")
        self.happens("invoices", "I-221", "rejected", "India")
        self.happens("invoices", "I-231", "logic", "Julia")
        self.happens("invoices", "I-241", "transient", "Kilo")
        self.happens("invoices", "I-251", "refused", "Lima")
        self.happens("invoices", "I-261", "listed late", "Mike")

    def _what_is_elsewhere(self) -> None:
        self.happens("refunds", "R-301", "mute", "November", minutes=45)
        self.publish("refunds", "R-302", "applied", "November")
        self.happens("refunds", "R-303", "rejected", "Oscar")
        self.publish("refunds", "R-304", "applied", "Oscar")
        self.opens_breaker("refunds")
        self.publish("letters", "L-401", "applied", "Papa")
        pause_workflow(
            Workflow.objects.get(slug="letters"), actor=self.olga, reason="the printer is broken"
        )
        self.host_works("letters")

    def event(self, number: str) -> Event:
        return Event.objects.get(message_id=number)

    def opens_breaker(self, slug: str) -> None:
        breaker = Breaker.objects.get(handler__workflow__slug=slug, handler__name="PayInvoices")
        breaker.unknowns = 7
        breaker.open(now=self.now, trial_at=self.now + timedelta(minutes=10))
        save_with_history(breaker, reason="7 unknown outcomes in a row")


@contextmanager
def staged() -> Iterator[Stage]:
    """Set the stage up for a block, in the transaction of a test. Needs who owns the tables."""
    number_rows()
    # Retries are spread by chance.
    random.seed(7)
    with registered(INVOICES, REFUNDS, LETTERS):
        stage = Stage()
        stage.everything_happens()
        fix(before=AFTERWARDS)
        yield stage
