"""Workflows for tests, and what a test lets happen to them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

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
    Workflow,
)
from workflows_app.testing import ScriptedMutator, drain, registered, scripted

SLUG = "pay"


class Quiet(Producer):
    """Finds nothing, so that only what a test publishes is there."""

    publishes = ["invoice.received"]
    schedule = Every(hours=1)

    def poll(self, ctx: PollContext, state: Any) -> Any:
        return {"polls": (state or {}).get("polls", 0) + 1}


def workflow_with(mutator: type[ScriptedMutator], slug: str = SLUG) -> type[Workflow]:
    """Return a workflow that makes one call of `mutator` for each received invoice."""

    class Pay(Consumer):
        subscribes = ["invoice.received"]
        publishes = ["invoice.paid"]

        def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
            events = ctx.peek("invoice.received", limit=1)
            if not events:
                return PrepareResult.nothing()
            payload = events[0].payload
            return PrepareResult(events, payload, f"Pay invoice {events[0].message_id}")

        def mutate(self, prepared: PrepareResult) -> MutationCall:
            return MutationCall(mutator, prepared.data)

        def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
            if outcome.status == "applied":
                message_id = prepared.reservations[0].message_id
                ctx.publish("invoice.paid", message_id=message_id, payload=outcome.result)
            return None

    return type(
        "Payments",
        (Workflow,),
        {
            "__module__": __name__,
            "slug": slug,
            "title": "Pay the invoices",
            "version": "1.0",
            "producers": [Quiet],
            "consumers": [Pay],
            "mutators": [mutator],
        },
    )


class Scene:
    """One workflow, and what a test lets happen to it."""

    def __init__(self, mutator: type[ScriptedMutator], slug: str) -> None:
        self.mutator = mutator
        self.slug = slug

    @property
    def workflow(self) -> WorkflowRow:
        return WorkflowRow.objects.get(slug=self.slug)

    def publish(self, message_id: str = "42", payload: Any = None) -> Event:
        return publish(
            workflow=self.slug,
            topic="invoice.received",
            message_id=message_id,
            payload=payload or {"amount": "12.50"},
        )

    def run_host(self, now: datetime | None = None) -> None:
        drain(self.slug, now=now)

    def happens(self, message_id: str = "42", payload: Any = None, days: int = 1) -> Run:
        """Publish an invoice and let the host work until it can't; return the newest run of it."""
        event = self.publish(message_id, payload)
        for day in range(days + 1):
            self.run_host(timezone.now() + timedelta(days=day))
        run = Run.objects.filter(reservations__event=event).order_by("pk").last()
        assert run is not None
        return run


def scenes(stack: ExitStack) -> Callable[..., Scene]:
    """Return what makes scenes of workflows that are known until `stack` ends."""

    def make(
        *outcomes: str,
        reconcilable: bool = False,
        slug: str = SLUG,
        mutator: type[ScriptedMutator] | None = None,
    ) -> Scene:
        plays = mutator or scripted(*outcomes, reconcilable=reconcilable)
        stack.enter_context(registered(workflow_with(plays, slug)))
        return Scene(plays, slug)

    return make
