"""A shop that pays its orders: every phase, and both outside systems, fail as a test tells them to."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from workflows_app import registry
from workflows_app.engine.versions import sync
from workflows_app.models import Event, Run
from workflows_app.models import Workflow as WorkflowRow
from workflows_app.publishing import publish
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
    Reconciliation,
    TransientError,
    Workflow,
)
from workflows_app.testing import (
    ReconcilableScriptedMutator,
    ScriptedMutator,
    SimulatedCrash,
    drain,
)

SLUG = "shop"
#: Why people decide here, whatever it is: what is alike is told apart by other things.
REASON = "I looked"


class Shop:
    """A workflow of a shop, its rows, and what goes wrong next."""

    def __init__(self, stack: ExitStack, slug: str = SLUG) -> None:
        self._stack = stack
        self.slug = slug
        #: What each phase meets next, the first first: "transient", "logic" or "crash".
        self.trouble: dict[str, list[str]] = {
            name: [] for name in ("poll", "prepare", "mutate", "next", "ask", "tell")
        }
        #: How each call goes; see `ScriptedMutator`.
        self.bank: list[str] = []
        self.mail: list[str] = []
        self.mutators = [_bank(self), _mail(self)]
        self.now = timezone.now()

    def meet(self, phase: str) -> None:
        match self.trouble[phase].pop(0) if self.trouble[phase] else None:
            case "transient":
                raise TransientError("away for the moment")
            case "logic":
                raise ValueError("a fault of the code")
            case "crash":
                raise SimulatedCrash

    def deploy(self, version: str = "1.0", *, tells: bool = True, **options: Any) -> None:
        """Make `version` active; `tells`: it has the consumer of what is paid."""
        code = _code(self, version, tells=tells)
        self._stack.enter_context(registry.override(code))
        sync(code, **options)

    @property
    def workflow(self) -> WorkflowRow:
        return WorkflowRow.objects.get(slug=self.slug)

    def order(self, number: str, *, by: str | None = "bank", **more: Any) -> Event:
        """Publish an order that is paid `by` the bank, by mail, or not at all."""
        return publish(
            workflow=self.slug, topic="ordered", message_id=number, payload={"by": by, **more}
        )

    def run_host(self, *, hours: float = 0) -> datetime:
        """Let the host work until nothing is due so much later; return that moment."""
        self.now += timedelta(hours=hours)
        drain(self.slug, now=self.now)
        return self.now

    def last_run(self, event: Event) -> Run:
        return Run.objects.filter(reservations__event=event).order_by("-pk")[0]


def _bank(shop: Shop) -> type[ScriptedMutator]:
    class Bank(ReconcilableScriptedMutator):
        """Can be asked, unless it meets trouble."""

        name = "bank"
        policy = {"reconcile_attempts": 2}
        outcomes = shop.bank
        calls: list[Any] = []
        effects: list[str] = []
        reconciliations: list[str] = []

        def reconcile(self, params: Any, *, idempotency_key: str) -> Reconciliation:
            shop.meet("ask")
            return super().reconcile(params, idempotency_key=idempotency_key)

    return Bank


def _mail(shop: Shop) -> type[ScriptedMutator]:
    class Mail(ScriptedMutator):
        """Nobody can ask."""

        name = "mail"
        outcomes = shop.mail
        calls: list[Any] = []
        effects: list[str] = []

    return Mail


def _code(shop: Shop, number: str, *, tells: bool) -> type[Workflow]:
    bank, mail = shop.mutators

    class Import(Producer):
        publishes = ["ordered"]
        schedule = Every(hours=5)

        def poll(self, ctx: PollContext, state: Any) -> Any:
            shop.meet("poll")
            polls = (state or 0) + 1
            cause = ctx.register_input(source="web", type="basket", id=str(polls))
            payload = {"by": None}
            ctx.publish("ordered", message_id=f"web {polls}", payload=payload, input=cause)
            return polls

    class Pay(Consumer):
        subscribes = ["ordered"]
        publishes = ["paid"]

        def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
            shop.meet("prepare")
            events = ctx.peek("ordered", limit=1)
            if not events:
                return PrepareResult.nothing(wake_at=ctx.now + timedelta(hours=3))
            return PrepareResult(events, events[0].payload, f"Pay {events[0].message_id}")

        def mutate(self, prepared: PrepareResult) -> MutationCall | None:
            shop.meet("mutate")
            by = {"bank": bank, "mail": mail}.get(prepared.data["by"])
            return MutationCall(by, prepared.data) if by else None

        def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
            shop.meet("next")
            if outcome.status == "applied":
                paid = prepared.reservations[0]
                ctx.publish("paid", message_id=paid.message_id, payload=outcome.result)

    class Tell(Consumer):
        subscribes = ["paid"]

        def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
            shop.meet("tell")
            return PrepareResult(ctx.peek("paid", limit=1))

    class ShopCode(Workflow):
        slug = shop.slug
        title = "Pay the orders"
        version = number
        producers = [Import]
        consumers = [Pay, Tell] if tells else [Pay]
        mutators = [bank, mail]

    return ShopCode
