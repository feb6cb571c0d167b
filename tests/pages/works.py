"""The workflows of the stage: what each call does is told by the name of what it is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

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
    Workflow,
)
from workflows_app.testing import SimulatedCrash


@dataclass
class Play:
    """What happens to one thing: at its calls, when the outside is asked, and in its handlers; the last repeats."""

    calls: list[str] = field(default_factory=lambda: ["applied"])
    asks: list[str] = field(default_factory=lambda: ["applied"])
    trouble: dict[str, list[str]] = field(default_factory=dict)

    def meet(self, phase: str) -> None:
        """Raise what `phase` meets next, if anything."""
        met = self.trouble.get(phase)
        match met.pop(0) if met else "":
            case "transient":
                raise TransientError("The catalogue is locked for the moment")
            case "logic":
                raise ValueError(f"The code can't handle this, says {phase}")
            case "crash":
                raise SimulatedCrash


#: By what each is about.
plays: dict[str, Play] = {}


def _next(outcomes: list[str]) -> str:
    return outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]


def _result(params: Any) -> dict[str, Any]:
    return {"payment": f"P-{params['about'][-3:]}", "fee": "0.35", "iban": "DE02 1203 0000"}


def _call(params: Any) -> Any:
    about = params["about"]
    match _next(plays[about].calls):
        case "applied":
            return _result(params)
        case "rejected":
            raise NotApplied(f"The account for {about} is closed")
        case "refused":
            raise NotApplied(f"Too busy for {about}, come back later", retryable=True)
        case "lost":
            raise TimeoutError(f"no answer about {about}")
        case "reset":
            raise ConnectionResetError(f"the line broke for {about}")
        case "garbage":
            return {"a set"}
        case "crash":
            raise SimulatedCrash
    raise AssertionError(about)


class BankPay(Mutator):
    """Can be asked, and honours keys for some days."""

    name = "bank.pay"
    policy = {"reconcile_attempts": 3}
    key_lasts = timedelta(days=6)
    absence_is_proof_after = timedelta(minutes=90)
    result_fields = {"payment": "The number in the bank's list"}
    secret_params = ["iban"]

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        return _call(params)

    def reconcile(self, params: Any, *, idempotency_key: str) -> Reconciliation:
        match _next(plays[params["about"]].asks):
            case "applied":
                return Reconciliation.applied(_result(params))
            case "not_applied":
                return Reconciliation.not_applied()
            case "retry":
                return Reconciliation.retry("the list is being rebuilt")
        raise ConnectionError("the bank's list is away")

    def target(self, params: Any) -> str:
        return f"{params['supplier']}, {params['amount']}"

    def verification_steps(self, params: Any) -> str:
        return f"Look for {params['about']} in the bank's list.\nIt never lags."

    def verification_url(self, params: Any) -> str:
        return f"https://bank.example/list?q={params['about']}"

    def check_result(self, params: Any, result: Any) -> None:
        if not str(result["payment"]).startswith("P-"):
            raise ValueError("Numbers of payments begin with P-.")


class Mail(Mutator):
    """Nobody can ask it, and it honours no key."""

    name = "mail.send"
    key_lasts = None

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        return _call(params)

    def target(self, params: Any) -> str:
        return f"the inbox of {params['supplier']}"


class Carrier(Mutator):
    """Nobody can ask it, it has no target, and it honours keys for an hour."""

    name = "carrier.book"
    key_lasts = timedelta(hours=1)

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        return _call(params)

    def verification_steps(self, params: Any) -> str:
        return "Call the carrier, and ask for the parcel."


class _Works(Consumer):
    """Takes one event at a time, in the lane of its supplier."""

    topic = ""
    says = ""
    mutator: type[Mutator] | None = None
    follows = ""

    def lane(self, event: Any) -> str:
        if event.payload.get("lane") == "none":
            raise ValueError("no lane for such a thing")
        return str(event.payload["supplier"])

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(self.topic, limit=1)
        if not events:
            return PrepareResult.nothing()
        payload, about = events[0].payload, events[0].message_id
        plays.setdefault(about, Play()).meet("prepare")
        if payload.get("wait"):
            return PrepareResult.nothing(wake_at=ctx.now + timedelta(hours=payload["wait"]))
        return PrepareResult(events, {**payload, "about": about}, f"{self.says} {about}")

    def mutate(self, prepared: PrepareResult) -> MutationCall | None:
        plays[prepared.data["about"]].meet("mutate")
        if self.mutator is None or prepared.data.get("free"):
            return None
        return MutationCall(self.mutator, prepared.data)

    def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        if prepared.data is None:
            return ctx.state
        about = prepared.data["about"]
        plays[about].meet("next")
        if self.follows and outcome.status in ("applied", "none"):
            payload = {**prepared.data, "result": outcome.result}
            ctx.publish(self.follows, message_id=f"{about}/{self.follows}", payload=payload)
        return {"done": (ctx.state or {}).get("done", 0) + 1, "last": about}


class PayInvoice(_Works):
    subscribes = ["invoice.received"]
    publishes = ["invoice.paid"]
    topic, says, mutator, follows = "invoice.received", "Pay", BankPay, "invoice.paid"


class TellSupplier(_Works):
    subscribes = ["invoice.paid"]
    topic, says, mutator = "invoice.paid", "Tell of", Mail


class CountInvoices(_Works):
    subscribes = ["invoice.counted"]
    topic, says = "invoice.counted", "Count"


class ReadInbox(Producer):
    """Finds two invoices of one mail at its first poll."""

    publishes = ["invoice.received"]
    schedule = Every(hours=50)

    def poll(self, ctx: PollContext, state: Any) -> Any:
        number = (state or {}).get("polls", 0) + 1
        if number == 1:
            for each in (1, 2):
                about = f"INV-00{each}"
                cause = ctx.register_input(
                    source="inbox", type="mail", id=f"mail-{each}", title=f"Invoice {each} by mail"
                )
                payload = {"supplier": "Ärzte & Co", "amount": f"{each}0.50", "iban": f"DE0{each}"}
                ctx.publish("invoice.received", message_id=about, payload=payload, input=cause)
        return {"polls": number}


class Invoices(Workflow):
    slug = "invoices"
    title = "Pay the invoices"
    version = "1.0"
    producers = [ReadInbox]
    consumers = [PayInvoice, TellSupplier, CountInvoices]
    mutators = [BankPay, Mail]
    secret_fields = ["iban"]


class RepairedInvoices(Invoices):
    version = "1.1"
    consumers = [PayInvoice, TellSupplier]


class SendParcel(_Works):
    """Could publish what nobody takes."""

    subscribes = ["order.packed"]
    publishes = ["parcel.sent"]
    topic, says, mutator = "order.packed", "Send", Carrier


class BookPickup(_Works):
    """Could publish what nobody takes, and what another takes."""

    subscribes = ["pickup.wanted"]
    publishes = ["pickup.booked", "order.packed"]
    topic, says, mutator = "pickup.wanted", "Book", Carrier


class Parcels(Workflow):
    slug = "parcels"
    title = "Päckchen & Grüße"
    version = "3.2"
    consumers = [SendParcel, BookPickup]
    mutators = [Carrier]
    policy = {"breaker_after_unknowns": 2}


class ReplannedParcels(Parcels):
    version = "4.0"


class PrintLetter(_Works):
    subscribes = ["letter.written"]
    topic, says, mutator = "letter.written", "Print", Mail


class Letters(Workflow):
    slug = "letters"
    title = "Send letters"
    version = "1.0"
    consumers = [PrintLetter]
    mutators = [Mail]
    policy = {"crash_retries": 1, "transient_retries": 2}
