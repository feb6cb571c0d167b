"""The two workflows of the stories: orders are shipped and the customer is told; invoices are paid.

Orders are shipped lane by lane, up to two a run; telling the customer has one lane, and takes from two topics.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.stories.story import Story
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
    Workflow,
)

RECEIVED, SHIPPED, RETURNED, TOLD = (
    "order.received",
    "order.shipped",
    "order.returned",
    "customer.told",
)


def order(to: str, kilos: int = 1) -> dict[str, Any]:
    """Return the payload of an order: a parcel of no weight needs no call."""
    return {"to": to, "kilos": kilos}


def _mutator(story: Story, called: str, *, can_ask: bool, **attributes: Any) -> type[Mutator]:
    outside = story.outside(called)
    members: dict[str, Any] = {
        "__module__": __name__,
        "name": called,
        "execute": lambda self, params, *, idempotency_key: outside.execute(
            params, idempotency_key
        ),
        **attributes,
    }
    if can_ask:
        members["reconcile"] = lambda self, params, *, idempotency_key: outside.reconcile(
            params, idempotency_key
        )
    return type(called.title().replace(".", ""), (Mutator,), members)


def shipping(
    story: Story,
    version: str = "1.0",
    *,
    can_ask: bool = True,
    lag: int = 0,
    title: str = "Ship the orders",
    one_lane: bool = False,
    tells: bool = True,
    ship_is_called: str = "Ship",
    carrier: str = "carrier.ship",
    handles_rejection: bool = False,
    producers: Sequence[type[Producer]] = (),
    records: bool = False,
    policy: dict[str, Any] | None = None,
    of_carrier: dict[str, Any] | None = None,
) -> type[Workflow]:
    """Return the code of `version`. What it is called differs where another version is to differ."""
    Carrier = _mutator(
        story,
        carrier,
        can_ask=can_ask,
        absence_is_proof_after=timedelta(seconds=lag),
        policy=of_carrier or {},
        target=lambda self, params: f"{params['kilos']} kg, orders {', '.join(params['orders'])}",
    )
    Letter = _mutator(story, "post.tell", can_ask=False)

    class Ship(Consumer):
        subscribes = [RECEIVED]
        publishes = [SHIPPED]

        def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
            events = ctx.peek(RECEIVED, limit=2)
            met = story.meets("Ship.prepare", ctx)
            if isinstance(met, PrepareResult):
                return met
            if not events:
                return PrepareResult.nothing()
            names = [event.message_id for event in events]
            kilos = sum(event.payload["kilos"] for event in events)
            title = f"Ship {' and '.join(names)} to {events[0].payload['to']}"
            return PrepareResult(events, {"orders": names, "kilos": kilos}, title)

        def mutate(self, prepared: PrepareResult) -> MutationCall | None:
            met = story.meets("Ship.mutate")
            if met is not None:
                return met  # type: ignore[no-any-return]
            return MutationCall(Carrier, prepared.data) if prepared.data["kilos"] else None

        def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
            _note(story, "Ship.next", prepared, outcome)
            story.meets("Ship.next", ctx)
            if outcome.status == "applied":
                for event in prepared.reservations:
                    parcel = {"parcel": outcome.result, "to": event.payload["to"]}
                    ctx.publish(SHIPPED, message_id=event.message_id, payload=parcel)
            return {"orders": (ctx.state or {}).get("orders", 0) + len(prepared.reservations)}

    def by_address(self: Consumer, event: EventRecord) -> str:
        story.meets("Ship.lane")
        return str(event.payload["to"])

    def record(self: Consumer, prepared: PrepareResult, outcome: MutationOutcome) -> None:
        story.note(f"Ship.record is told {outcome.status}")
        story.meets("Ship.record")

    if not one_lane:
        Ship.lane = by_address  # type: ignore[method-assign]
    if records:
        Ship.record = record  # type: ignore[attr-defined]
    Ship.name = ship_is_called
    Ship.handles_rejection = handles_rejection

    class Tell(Consumer):
        subscribes = [SHIPPED, RETURNED]
        publishes = [TOLD, RECEIVED]
        handles_rejection = True

        def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
            shipped, returned = ctx.peek(SHIPPED, limit=1), ctx.peek(RETURNED, limit=1)
            story.meets("Tell.prepare")
            events = [*shipped, *returned]
            if not events:
                return PrepareResult.nothing()
            names = [f"{event.topic}/{event.message_id}" for event in events]
            return PrepareResult(events, {"about": names}, f"Tell of {' and '.join(names)}")

        def mutate(self, prepared: PrepareResult) -> MutationCall:
            return MutationCall(Letter, prepared.data)

        def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
            _note(story, "Tell.next", prepared, outcome)
            story.meets("Tell.next", ctx)
            for event in prepared.reservations:
                how = {"outcome": outcome.status, "reason": outcome.reason}
                ctx.publish(TOLD, message_id=event.message_id, payload=how)
            return None

    return type(
        "Shipping",
        (Workflow,),
        {
            "__module__": __name__,
            "slug": "ship",
            "title": title,
            "version": version,
            "producers": list(producers),
            "consumers": [Ship, Tell] if tells else [Ship],
            "mutators": [Carrier, Letter] if tells else [Carrier],
            "policy": policy or {},
        },
    )


def paying(story: Story, version: str = "1.0", **policy: Any) -> type[Workflow]:
    """Return the workflow that pays invoices one after the other, at a bank whose search lags."""
    Bank = _mutator(
        story,
        "bank.pay",
        can_ask=True,
        absence_is_proof_after=timedelta(seconds=30),
        policy={"reconcile_attempts": 3},
        result_fields={"number": "The number of the payment"},
        secret_params=["iban"],
    )

    class Pay(Consumer):
        subscribes = ["invoice.received"]
        publishes = ["invoice.paid"]

        def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
            events = ctx.peek("invoice.received", limit=1)
            if not events:
                return PrepareResult.nothing()
            return PrepareResult(events, events[0].payload, f"Pay {events[0].message_id}")

        def mutate(self, prepared: PrepareResult) -> MutationCall:
            return MutationCall(Bank, prepared.data)

        def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
            _note(story, "Pay.next", prepared, outcome)
            if outcome.status == "applied":
                name = prepared.reservations[0].message_id
                ctx.publish("invoice.paid", message_id=name, payload=outcome.result)
            return None

    return type(
        "Paying",
        (Workflow,),
        {
            "__module__": __name__,
            "slug": "pay",
            "title": "Pay the invoices",
            "version": version,
            "consumers": [Pay],
            "mutators": [Bank],
            "policy": policy,
        },
    )


def producer(
    story: Story,
    name: str,
    topic: str,
    *,
    schedule: Any = None,
) -> type[Producer]:
    """Return a producer that publishes what the story has put into its mail."""

    def poll(self: Producer, ctx: PollContext, state: Any) -> Any:
        story.note(f"{name} polls, with state {state}")
        story.meets(f"{name}.poll", ctx)
        return {"polls": (state or {"polls": 0})["polls"] + 1}

    members = {
        "__module__": __name__,
        "name": name,
        "publishes": [topic],
        "schedule": schedule or Every(minutes=5),
        "poll": poll,
    }
    return type(name, (Producer,), members)


def _note(story: Story, who: str, prepared: PrepareResult, outcome: MutationOutcome) -> None:
    names = [event.message_id for event in prepared.reservations]
    told = [outcome.status, *filter(None, (outcome.result, outcome.reason))]
    story.note(f"{who} of {names} is told {', '.join(map(str, told))}")
