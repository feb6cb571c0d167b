"""The workflows that the killed workers run: each payment is one request to the outside system.

Handlers pass a gate at the outside system in each phase, where a test can hold them.
"""

from __future__ import annotations

import os
from contextvars import Context
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar
from urllib.request import urlopen

from workflows_app.connectors.http import HttpLookupMutator, HttpMutator
from workflows_app.sdk import (
    Consumer,
    EventRecord,
    MutationCall,
    MutationOutcome,
    Mutator,
    NextContext,
    PrepareContext,
    PrepareResult,
    Workflow,
)

#: What a worker is told by its environment: where the outside system is, and which workflows there are.
ADDRESS_VARIABLE = "OUTSIDE_ADDRESS"
SLUGS_VARIABLE = "CRASH_WORKFLOWS"
#: Longer than any test holds a request.
READ_TIMEOUT_SECONDS = 60.0


def _payments_of(account: str) -> str:
    return f"{os.environ[ADDRESS_VARIABLE]}/payments/{account}"


def _gate(account: str, phase: str) -> None:
    urlopen(
        f"{os.environ[ADDRESS_VARIABLE]}/gate/{account}/{phase}", timeout=READ_TIMEOUT_SECONDS
    ).close()


class _Patient(HttpMutator):
    """Waits longer than the host does, as a mutator may that does not look how long that is."""

    read_timeout_seconds = READ_TIMEOUT_SECONDS

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        # In a context of its own no limit of the host is known.
        call = partial(super().execute, params, idempotency_key=idempotency_key)
        return Context().run(call)


class Mute(_Patient):
    """A payment that nobody can look up."""

    name = "mute.pay"

    def request_url(self, params: Any) -> str:
        return _payments_of(params["account"])


class Asked(_Patient, HttpLookupMutator):
    """A payment that the host can look up."""

    name = "asked.pay"
    #: What it answers about is there at once.
    absence_is_proof_after = timedelta(0)

    def request_url(self, params: Any) -> str:
        return _payments_of(params["account"])

    def request_lookup_url(self, params: Any) -> str:
        return f"{_payments_of(params['account'])}/{{idempotency_key}}"


class Pay(Consumer):
    """Pays one invoice a run, and says so."""

    subscribes = ["invoice.received"]
    publishes = ["invoice.paid"]
    mutator: ClassVar[type[Mutator]]

    def lane(self, event: EventRecord) -> str:
        lane: str = event.payload.get("lane", "")
        return lane

    def prepare(self, ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek("invoice.received", limit=1)
        if not events:
            return PrepareResult.nothing()
        account = events[0].payload["account"]
        _gate(account, "prepare")
        data = {"account": account, "invoice": events[0].message_id}
        return PrepareResult(events, data, f"Pay invoice {events[0].message_id}")

    def mutate(self, prepared: PrepareResult) -> MutationCall:
        _gate(prepared.data["account"], "mutate")
        return MutationCall(self.mutator, prepared.data)

    def next(self, ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        if outcome.status == "none":
            return ctx.state
        _gate(prepared.data["account"], "next")
        message_id = prepared.data["invoice"]
        ctx.publish("invoice.paid", message_id=message_id, payload={"outcome": outcome.status})
        return {"last": [message_id, outcome.status]}


def payments(slug: str) -> type[Workflow]:
    """Return a workflow whose mutator is named by the first word of `slug`."""
    mutator = {"mute": Mute, "asked": Asked}[slug.partition("-")[0]]
    consumer = type("Pay", (Pay,), {"__module__": __name__, "mutator": mutator})
    return type(
        "Payments",
        (Workflow,),
        {
            "__module__": __name__,
            "slug": slug,
            "title": "Pay the invoices",
            "version": "1.0",
            "consumers": [consumer],
            "mutators": [mutator],
        },
    )
