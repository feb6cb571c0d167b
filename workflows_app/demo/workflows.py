"""The demo's automation: invoices are read, paid at the bank, and the supplier is told (P8).

Each supplier has a lane: what is unknown about one of them holds up no other.

A payment that the bank rejects is handled: `PayInvoice` takes it for done and counts it, and the supplier
is told nothing. Webhooks that are rejected are not handled, so that a run that waits for a person can be
seen too: `TellSupplier` fails and holds its lane.
"""

from __future__ import annotations

import hashlib
import logging
import os
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app.conf import LANE_LENGTH, PRODUCER_LANE
from workflows_app.connectors.http import HttpLookupMutator, HttpMutator
from workflows_app.demo.invoices import BrokenInvoice, Invoice, invoice_file, read_invoices
from workflows_app.sdk import (
    Consumer,
    EventRecord,
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


def page_about(path: str, **sought: str) -> str:
    """Return the address of the bank's page that shows what there is of what is sought; empty without a bank."""
    if BANK_URL_VARIABLE not in os.environ:
        return ""
    told = (f"{name}={quote(text, safe='', errors='replace')}" for name, text in sought.items())
    return f"{bank_url()}{path}?{'&'.join(told)}"


class CreatePayment(HttpLookupMutator):
    """Pays at the bank, which honours idempotency keys and can be searched by them."""

    name = "bank.create_payment"
    #: Longer than a call may take, and the bank's search may lag, together.
    absence_is_proof_after = timedelta(seconds=2)
    policy: ClassVar = {"call_timeout_seconds": 1.5, "reconcile_attempts": 3}
    read_timeout_seconds = 1.0
    key_lasts = timedelta(hours=24)
    result_fields: ClassVar = {
        "payment": gettext_lazy("The number of the payment in the bank's list")
    }

    def request_url(self, params: Any) -> str:
        return f"{bank_url()}/payments"

    def request_lookup_url(self, params: Any) -> str:
        return bank_url() + "/payments?key={idempotency_key}&invoice={invoice}"

    def result_from(self, status: int, body: Any) -> Any:
        return {**super().result_from(status, body), "payment": body["number"]}

    def target(self, params: Any) -> str:
        return f"{params['supplier']}, {params['amount']}"

    def verification_steps(self, params: Any) -> str:
        return _(
            "Look for invoice %(invoice)s in the bank's list of payments, which never lags. If it is there,"
            " it happened. If it is not, it did not; the same page shows whether %(supplier)s has withdrawn"
            " the invoice: then skip it."
        ) % {"invoice": params["invoice"], "supplier": params["supplier"]}

    def verification_url(self, params: Any) -> str:
        return page_about(
            "/", q=params["invoice"], supplier=params["supplier"], amount=params["amount"]
        )

    def check_result(self, params: Any, result: Any) -> None:
        if not str(result["payment"]).strip().isdecimal():
            raise ValueError(_("The bank's payment numbers are whole numbers, as 47."))


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
        return _(
            "Look for invoice %(invoice)s in the list of what arrived at %(supplier)s, which never lags. If it"
            " is there, it happened. If it is not, it did not."
        ) % {"invoice": params["invoice"], "supplier": params["supplier"]}

    def verification_url(self, params: Any) -> str:
        return page_about("/suppliers", q=params["invoice"], supplier=params["supplier"])


class ReadInvoices(Producer):
    """Reads the file of invoices from where it stopped, and reports lines that are broken."""

    publishes: ClassVar = ["invoice.received"]
    schedule = Every(seconds=10)
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
                logger.warning("invoice.broken line=%s problem=%s", line, item)
            else:
                self._publish(ctx, item)
                published += 1
        return {**known, "read_to": read_to, "published": known["published"] + published}

    def _publish(self, ctx: PollContext, invoice: Invoice) -> None:
        ref = ctx.register_input(
            source="accounting",
            type="invoice",
            id=invoice.number,
            title=f"Invoice {invoice.number} from {invoice.supplier}"[:300],
        )
        ctx.publish("invoice.received", message_id=invoice.number, input=ref, payload=vars(invoice))


def lane_of_supplier(payload: Any) -> str:
    """Return the supplier as the name of a lane, whatever was published.

    A name that no lane can have is folded: always to the same one, and never to that of another supplier.
    Events without a supplier share the main lane.
    """
    supplier = payload.get("supplier") if isinstance(payload, dict) else None
    if not isinstance(supplier, str) or not supplier.strip():
        return ""
    if len(supplier) <= LANE_LENGTH and not supplier.startswith(PRODUCER_LANE):
        return supplier
    digest = hashlib.sha256(supplier.encode(errors="replace")).hexdigest()
    return f"supplier {supplier[:100]} {digest}"


class PayInvoice(Consumer):
    """Pays one invoice a run, and counts those that the bank rejects."""

    subscribes: ClassVar = ["invoice.received"]
    publishes: ClassVar = ["invoice.paid"]
    handles_rejection: ClassVar = True

    def lane(self, event: EventRecord) -> str:
        return lane_of_supplier(event.payload)

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
            news = {**prepared.data, "payment_number": outcome.result["payment"]}
            ctx.publish("invoice.paid", message_id=prepared.data["invoice"], payload=news)
        return _counted(ctx.state, "paid" if outcome.status == "applied" else outcome.status)


class TellSupplier(Consumer):
    """Tells the supplier of one payment a run. Waits for a person if the supplier's webhook rejects it."""

    subscribes: ClassVar = ["invoice.paid"]

    def lane(self, event: EventRecord) -> str:
        return lane_of_supplier(event.payload)

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
        return _counted(ctx.state, "told" if outcome.status == "applied" else outcome.status)


def _counted(state: Any, word: str) -> dict[str, int]:
    """Return the state of a lane, which counts how its runs ended, with one more `word`."""
    counts: dict[str, int] = state or {}
    return {**counts, word: counts.get(word, 0) + 1}


@register
class Invoices(Workflow):
    """The demo's only workflow."""

    slug = "invoices"
    title = "Pay invoices"
    version = "1.0"
    producers: ClassVar = [ReadInvoices]
    consumers: ClassVar = [PayInvoice, TellSupplier]
    mutators: ClassVar = [CreatePayment, NotifySupplier]
    policy: ClassVar = {"backoff_initial_seconds": 0.5, "backoff_max_seconds": 4.0}
