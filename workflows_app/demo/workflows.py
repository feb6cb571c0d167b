"""The demo's automation: invoices are read, paid at the bank, and the supplier is told.

A blocked run holds its workflow, so the invoices are spread over one workflow a department.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import Any, ClassVar

from workflows_app.connectors.http import HttpLookupMutator, HttpMutator
from workflows_app.demo.invoices import (
    DEPARTMENTS,
    BrokenInvoice,
    Invoice,
    invoice_file,
    read_invoices,
)
from workflows_app.sdk import (
    Consumer,
    Every,
    MutationCall,
    MutationOutcome,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
    Producer,
    TransientError,
    Workflow,
    register,
)

BANK_URL_VARIABLE = "WORKFLOWS_DEMO_BANK_URL"

logger = logging.getLogger("workflows_app.demo")


def bank_url() -> str:
    """Return the bank's address. `manage.py demo` sets it for the processes it starts."""
    return os.environ[BANK_URL_VARIABLE]


class CreatePayment(HttpLookupMutator):
    """Pays at the bank, which honours idempotency keys and can be searched by them."""

    name = "bank.create_payment"
    #: Longer than a call may take, and the bank's search may lag, together.
    absence_is_proof_after = timedelta(seconds=2)
    policy: ClassVar = {"call_timeout_seconds": 1.5, "reconcile_attempts": 3}
    read_timeout_seconds = 1.0
    result_fields: ClassVar = {"payment": "The number of the payment in the bank's list"}

    def request_url(self, params: Any) -> str:
        return f"{bank_url()}/payments"

    def request_lookup_url(self, params: Any) -> str:
        return bank_url() + "/payments?key={idempotency_key}&invoice={invoice}"

    def target(self, params: Any) -> str:
        return f"{params['supplier']}, {params['amount']}"

    def verification_steps(self, params: Any) -> str:
        return f"Open the bank's list of payments and look for invoice {params['invoice']}."


class NotifySupplier(HttpMutator):
    """Tells the supplier by webhook. Nobody can look up whether that arrived."""

    name = "supplier.notify"
    policy: ClassVar = {"call_timeout_seconds": 1.5}
    read_timeout_seconds = 1.0

    def request_url(self, params: Any) -> str:
        return bank_url() + "/webhooks/{supplier}"

    def target(self, params: Any) -> str:
        return str(params["supplier"])

    def verification_steps(self, params: Any) -> str:
        return f"Ask {params['supplier']} whether the news of invoice {params['invoice']} arrived."


class ReadInvoices(Producer):
    """Reads the file of invoices from where it stopped, and reports lines that are broken."""

    publishes: ClassVar = ["invoice.received"]
    schedule = Every(seconds=10)
    department = ""
    #: The most invoices of one poll; the next one goes on from there.
    limit = 1000

    def poll(self, ctx: PollContext, state: Any) -> Any:
        path = invoice_file()
        known = state or {}
        if known.get("file") != str(path):
            known = {"file": str(path), "read_to": 0, "published": 0}
        read_to, published = known["read_to"], 0
        try:
            lines = list(read_invoices(path))
        except OSError as error:
            raise TransientError(f"{path} can't be read: {error.strerror}") from None
        for line, item in lines:
            if line <= known["read_to"]:
                continue
            if published == self.limit:
                break
            read_to = line
            if isinstance(item, BrokenInvoice):
                self._report(line, item)
            elif item.department == self.department:
                self._publish(ctx, item)
                published += 1
        return {**known, "read_to": read_to, "published": known["published"] + published}

    def _report(self, line: int, problem: BrokenInvoice) -> None:
        # Every department reads the whole file; once is enough.
        if self.department == DEPARTMENTS[0]:
            logger.warning("invoice.broken line=%s problem=%s", line, problem)

    def _publish(self, ctx: PollContext, invoice: Invoice) -> None:
        ref = ctx.register_input(
            source="accounting",
            type="invoice",
            id=invoice.number,
            title=f"Invoice {invoice.number} from {invoice.supplier}"[:300],
        )
        ctx.publish("invoice.received", message_id=invoice.number, input=ref, payload=vars(invoice))


class PayInvoice(Consumer):
    """Pays one invoice a run."""

    subscribes: ClassVar = ["invoice.received"]
    publishes: ClassVar = ["invoice.paid"]

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek("invoice.received", limit=1)
        if not events:
            return PrepareResult.nothing()
        invoice = events[0].payload
        data = {
            "invoice": invoice["number"],
            "amount": invoice["amount"],
            "supplier": invoice["supplier"],
        }
        title = f"Pay invoice {invoice['number']} to {invoice['supplier']}"
        return PrepareResult(events, data, title[:300])

    def mutate(self, prepared: PrepareResult) -> MutationCall:
        return MutationCall(CreatePayment, prepared.data)

    def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        if outcome.status == "applied":
            # Told by a person, or answered by the bank.
            told = outcome.result.get("payment")
            news = {**prepared.data, "payment": told or outcome.result["body"]["number"]}
            ctx.publish("invoice.paid", message_id=prepared.data["invoice"], payload=news)
        paid = (ctx.state or {}).get("paid", 0)
        return {"paid": paid + (outcome.status == "applied")}


class TellSupplier(Consumer):
    """Tells the supplier of one payment a run."""

    subscribes: ClassVar = ["invoice.paid"]

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek("invoice.paid", limit=1)
        if not events:
            return PrepareResult.nothing()
        news = events[0].payload
        title = f"Tell {news['supplier']} that invoice {news['invoice']} is paid"
        return PrepareResult(events, news, title[:300])

    def mutate(self, prepared: PrepareResult) -> MutationCall:
        return MutationCall(NotifySupplier, prepared.data)

    def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        told = (ctx.state or {}).get("told", 0)
        return {"told": told + (outcome.status == "applied")}


def slug_of(department: str) -> str:
    """Return the slug of the workflow of this department."""
    return f"invoices-{department}"


def _workflow_of(department: str) -> type[Workflow]:
    producer = type("ReadInvoices", (ReadInvoices,), {"department": department})
    return type(
        f"Invoices{department.title()}",
        (Workflow,),
        {
            "__module__": __name__,
            "slug": slug_of(department),
            "title": f"Pay the invoices of {department}",
            "version": "1.0",
            "producers": [producer],
            "consumers": [PayInvoice, TellSupplier],
            "mutators": [CreatePayment, NotifySupplier],
            "policy": {"backoff_initial_seconds": 0.5, "backoff_max_seconds": 4.0},
        },
    )


WORKFLOWS = [register(_workflow_of(department)) for department in DEPARTMENTS]
