"""The workflow of the stories: orders are paid at the bank, then the customer is told.

Paying can be looked up at the bank, telling can't. An order of amount 0 needs no payment. Those of the
east have a lane of their own, and so have large ones. Handlers do well unless a story has trouble for them, as `"next: has a fault"`: the next call of that phase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.model.bank import LAG, Bank
from workflows_app.models import Event
from workflows_app.sdk import (
    Consumer,
    EventRecord,
    Every,
    MutationCall,
    MutationOutcome,
    Mutator,
    NextContext,
    PollContext,
    PrepareContext,
    PrepareResult,
    Producer,
    Reconciliation,
    TransientError,
    Workflow,
)
from workflows_app.testing import SimulatedCrash

SLUG = "shop"
ORDERED, PAID, TOLD = "ordered", "paid", "told"
#: How often the bank is asked about one payment before a person is.
ATTEMPTS = 2
#: The editions of the code that a version may hold.
FULL, CANT_ASK, TELLS_NOBODY, ONE_LANE = "full", "can't ask", "tells nobody", "has one lane"
#: What the stories' policy allows: crashes in a row before a person sees to it, and unknown outcomes in a
#: row before no call goes out.
CRASH_RETRIES, UNKNOWNS = 2, 3
#: Lanes besides the main one: of the orders of the east, and of large ones.
EAST, LARGE = "east", "large"

#: The code fails, or its worker dies.
FAULTS = tuple(
    f"{phase}: {what}"
    for phase in ("prepare", "mutate", "next", "poll")
    for what in ("is away", "has a fault", "worker dies")
)
#: Something else happens while the code is at work, or it does what it rarely does.
SURPRISES = (
    "prepare: takes nothing",
    "prepare: is overtaken",
    "prepare: meanwhile somebody skips the event",
    "prepare: meanwhile it is published again",
    "mutate: meanwhile somebody pauses",
    "next: is overtaken",
    "next: meanwhile somebody pauses",
    "next: publishes what it must not",
)


@dataclass
class Shop:
    """What the code of one story shares with its world."""

    bank: Bank
    #: Does what a trouble says shall happen meanwhile; `what` and the events at hand.
    meanwhile: Callable[[str, list[str]], None]
    troubles: list[str] = field(default_factory=list)
    mail: list[tuple[str, int]] = field(default_factory=list)
    #: The phases of handlers that began, and what each `next` that ended well was told.
    began: list[str] = field(default_factory=list)
    told: list[tuple[list[str], str]] = field(default_factory=list)
    #: The events, with their revisions, that were there when the consumer of a topic looked last in a lane.
    looked: dict[tuple[str, str], set[tuple[int, int]]] = field(default_factory=dict)

    def meet(self, phase: str, events: list[str]) -> str:
        """Meet the trouble of this phase, if any; return what the handler itself must do."""
        self.began.append(phase)
        found = next((t for t in self.troubles if t.startswith(f"{phase}: ")), None)
        if found is None or (found in SURPRISES and not events):
            return ""
        self.troubles.remove(found)
        what = found.removeprefix(f"{phase}: ")
        if what == "is away":
            raise TransientError("away for lunch")
        if what == "has a fault":
            raise ValueError("a fault in the code")
        if what == "worker dies":
            raise SimulatedCrash
        if what == "is overtaken" or what.startswith("meanwhile"):
            self.meanwhile(what, events)
        return what

    def keep(self, events: list[str], outcome: MutationOutcome) -> None:
        """Keep what `next` was told, and look whether it is true."""
        if outcome.status == "applied":
            receipt = outcome.result["receipt"]
            if self.bank.effects[receipt].events != set(events):
                self.bank.broken.append(f"P3: next was told of another effect than {events}")
        self.told.append((events, outcome.status))


def names(prepared: PrepareResult) -> list[str]:
    return [f"{event.topic}/{event.message_id}" for event in prepared.reservations]


def _region(event: EventRecord) -> str:
    return EAST if event.message_id in "efgh" else ""


def workflow(shop: Shop, version: str, edition: str = FULL) -> type[Workflow]:
    """Return the code of `version`."""

    class Pay(Mutator):
        name = "bank.pay"
        absence_is_proof_after = LAG
        policy = {"reconcile_attempts": ATTEMPTS}

        def execute(self, params: Any, *, idempotency_key: str) -> Any:
            return shop.bank.execute(params, idempotency_key)

    class PayAndLookUp(Pay):
        def reconcile(self, params: Any, *, idempotency_key: str) -> Reconciliation:
            found: Reconciliation = shop.bank.reconcile(idempotency_key)
            return found

    class Tell(Mutator):
        name = "post.tell"

        def execute(self, params: Any, *, idempotency_key: str) -> Any:
            return shop.bank.execute(params, idempotency_key)

    pay = Pay if edition == CANT_ASK else PayAndLookUp

    class ReadMail(Producer):
        publishes = [ORDERED]
        schedule = Every(hours=12)

        def poll(self, ctx: PollContext, state: Any) -> Any:
            shop.meet("poll", [])
            for number, amount in shop.mail:
                letter = ctx.register_input(source="post", type="letter", id=number)
                ctx.publish(ORDERED, message_id=number, payload=amount, input=letter)
            return {"polls": (state or {"polls": 0})["polls"] + 1}

    class TakesTwo(Consumer):
        mutator: type[Mutator]

        def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
            topic = self.subscribes[0]
            here = Event.objects.filter(topic__name=topic, lane=ctx.lane, status="pending")
            shop.looked[topic, ctx.lane] = set(here.values_list("pk", "revision"))
            result = PrepareResult(ctx.peek(self.subscribes[0], limit=2))
            trouble = shop.meet("prepare", names(result))
            if trouble == "takes nothing":
                return PrepareResult.nothing(wake_at=ctx.now + timedelta(hours=20))
            payloads = [event.payload for event in result.reservations]
            return PrepareResult(
                result.reservations, dict(zip(names(result), payloads, strict=True))
            )

        def mutate(self, prepared: PrepareResult) -> MutationCall | None:
            shop.meet("mutate", names(prepared))
            if not any(prepared.data.values()):
                return None
            return MutationCall(self.mutator, {"events": prepared.data})

        def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
            trouble = shop.meet("next", names(prepared))
            topic = ORDERED if trouble == "publishes what it must not" else self.publishes[0]
            if outcome.status == "applied" or topic == ORDERED:
                for event in prepared.reservations:
                    ctx.publish(topic, message_id=event.message_id, payload=outcome.result)
            shop.keep(names(prepared), outcome)
            tally = dict(ctx.state or {})
            tally[outcome.status] = tally.get(outcome.status, 0) + len(prepared.reservations)
            return tally

    class PayOrders(TakesTwo):
        subscribes = [ORDERED]
        publishes = [PAID]
        mutator = pay

        def lane(self, event: EventRecord) -> str:
            if edition == ONE_LANE:
                return ""
            return LARGE if event.payload >= 2 else _region(event)

    class TellCustomer(TakesTwo):
        subscribes = [PAID]
        publishes = [TOLD]
        mutator = Tell
        handles_rejection = True

        def lane(self, event: EventRecord) -> str:
            return "" if edition == ONE_LANE else _region(event)

    return type(
        "Orders",
        (Workflow,),
        {
            "slug": SLUG,
            "title": "Pay orders one by one" if edition == ONE_LANE else "Pay orders",
            "version": version,
            "producers": [ReadMail],
            "consumers": [PayOrders] if edition == TELLS_NOBODY else [PayOrders, TellCustomer],
            "mutators": [pay, Tell],
            "policy": {
                "transient_retries": 2,
                "crash_retries": CRASH_RETRIES,
                "breaker_after_unknowns": UNKNOWNS,
                "backoff_max_seconds": 60.0,
            },
        },
    )
