"""A workflow whose handlers and outside calls stop where a test says, and workers in threads for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from tests.points import Points
from tests.rivals import Rival
from workflows_app.engine.advancing import Slice, advance
from workflows_app.models import Event, Run
from workflows_app.models import Workflow as WorkflowRow
from workflows_app.publishing import publish
from workflows_app.sdk import (
    Consumer,
    MutationCall,
    MutationOutcome,
    Mutator,
    NextContext,
    PrepareContext,
    PrepareResult,
    Reconciliation,
    Workflow,
)

SLUG = "pay"
TOPIC = "invoice.received"


class Stage(Points):
    """One workflow and its outside system, both in this process.

    Points: `prepare`, `next`; `call` and `answer` (before and after the effect) and `lookup`.
    """

    def __init__(
        self, *, slug: str = SLUG, limit: int = 1, version: str = "1.0", **policy: Any
    ) -> None:
        super().__init__()
        self.slug = slug
        #: The idempotency keys of what happened, in order.
        self.effects: list[str] = []
        #: What lookups say instead of the truth.
        self.evading = False
        #: What calls raise instead of having an effect.
        self.failing: Exception | None = None
        self.policy = policy
        self.workflow = self.code(limit=limit, version=version)

    @property
    def row(self) -> WorkflowRow:
        return WorkflowRow.objects.get(slug=self.slug)

    def publish(self, message_id: str = "42", payload: Any = None) -> Event:
        return publish(workflow=self.slug, topic=TOPIC, message_id=message_id, payload=payload)

    def events(self) -> QuerySet[Event]:
        found = Event.objects.filter(topic__workflow__slug=self.slug, topic__name=TOPIC)
        return found.order_by("pk")

    def worker(self) -> Rival[Slice]:
        """Let a worker advance the workflow, in a thread."""
        return Rival(self.advancing())

    def advancing(self) -> Callable[[], Slice]:
        """Return what a worker does."""
        workflow_id = self.row.pk
        return lambda: advance(workflow_id)

    def last_run(self) -> Run:
        return self._runs().latest("pk")

    def _runs(self) -> QuerySet[Run]:
        return Run.objects.filter(workflow__slug=self.slug).select_related("mutation")

    def told(self) -> str:
        """Return on one line the runs with their mutations, the events, and how often it happened."""
        told = [self._told_of(run) for run in self._runs().order_by("pk")]
        told += [f"{event.message_id} {event.status}" for event in self.events()]
        return "; ".join([*told, f"{len(self.effects)} effects"])

    def _told_of(self, run: Run) -> str:
        mutation = getattr(run, "mutation", None)
        return f"{run.status} {run.phase}" + (f" ({mutation.status})" if mutation else "")

    def code(self, *, limit: int = 1, version: str = "1.0") -> type[Workflow]:
        """Return the workflow's code in a version."""
        stage = self

        # By their plain names these are known by what they do: reading their source takes long.
        class Bank(Mutator):
            __qualname__ = "Bank"
            name = "bank.pay"

            def execute(self, params: Any, *, idempotency_key: str) -> Any:
                stage.passes("call")
                if stage.failing:
                    raise stage.failing
                stage.effects.append(idempotency_key)
                stage.passes("answer")
                return {"number": len(stage.effects)}

            def reconcile(self, params: Any, *, idempotency_key: str) -> Reconciliation:
                stage.passes("lookup")
                if stage.evading:
                    return Reconciliation.retry("the bank is busy")
                if idempotency_key in stage.effects:
                    return Reconciliation.applied({"number": 1})
                return Reconciliation.not_applied("the bank has no such payment")

        class Pay(Consumer):
            __qualname__ = "Pay"
            subscribes = [TOPIC]
            publishes = ["invoice.paid"]

            def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
                events = ctx.peek(TOPIC, limit=limit)
                if not events:
                    return PrepareResult.nothing()
                stage.passes("prepare")
                return PrepareResult(events, {"paying": [event.payload for event in events]})

            def mutate(self, prepared: PrepareResult) -> MutationCall:
                return MutationCall(Bank, prepared.data)

            def next(
                self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome
            ) -> Any:
                stage.passes("next")
                for event in prepared.reservations:
                    ctx.publish("invoice.paid", message_id=event.message_id, payload=outcome.status)
                return None

        return type(
            "Payments",
            (Workflow,),
            {
                "__module__": __name__,
                "slug": self.slug,
                "title": "Pay the invoices",
                "version": version,
                "policy": self.policy,
                "consumers": [Pay],
                "mutators": [Bank],
            },
        )
