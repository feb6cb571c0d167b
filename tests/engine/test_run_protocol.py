"""What of a run is written when (P1, P4): before the call leaves, at once after it, and why."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from tests.engine.stage import (
    NOW,
    Deploy,
    calling,
    code,
    consumer,
    fresh,
    host,
    last_run,
    mutator,
    reasons,
    seen_from_outside,
    send,
    status_of,
    take_one,
)
from workflows_app.models import Mutation
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
)
from workflows_app.testing import scripted


def _committed() -> tuple[str, str, str, str, str]:
    """Return what is committed about the one event, its run and its mutation."""
    run, mutation = last_run(), Mutation.objects.first()
    known = (mutation.status, mutation.resolved_by) if mutation else ("none", "")
    return (run.phase, run.status, status_of("1"), *known)


@pytest.mark.django_db(transaction=True)
def test_each_step_is_committed_before_authors_code_goes_on(deploy: Deploy) -> None:
    seen: dict[str, Any] = {}
    open_transactions: dict[str, bool] = {}

    def look(where: str) -> None:
        seen[where] = seen_from_outside(_committed)
        open_transactions[where] = connection.in_atomic_block

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        look("prepare")
        return take_one(ctx, state)

    def execute(params: Any, key: str) -> Any:
        look("execute")
        return {}

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        look("next")

    carrier = mutator(execute)

    def mutate(prepared: PrepareResult) -> MutationCall:
        look("mutate")
        return MutationCall(carrier, {})

    deploy(code(consumer(prepare, mutate, next), calls=[carrier]))
    send()
    host()

    assert seen == {
        "prepare": ("preparing", "active", "pending", "none", ""),
        "mutate": ("preparing", "active", "pending", "none", ""),
        "execute": ("mutating", "active", "reserved", "in_flight", ""),
        "next": ("mutated", "active", "reserved", "applied", "response"),
    }
    assert not any(open_transactions.values())
    assert _committed() == ("committed", "committed", "consumed", "applied", "response")


@pytest.mark.django_db(transaction=True)
def test_what_is_sent_stands_in_the_ledger_before_it_is_sent(deploy: Deploy) -> None:
    ledger: list[Any] = []
    sent: list[Any] = []

    def execute(params: Any, key: str) -> Any:
        sent.append((params, key))
        mutation = Mutation.objects.select_related("run").get()
        ledger.append((mutation.params, mutation.idempotency_key))
        ledger.append((mutation.mutator, mutation.target, mutation.sent_at))
        ledger.append(mutation.run.prepare_result)
        ledger.append(mutation.run.reserved_events.get().message_id)
        return {}

    deploy(calling(mutator(execute, target=lambda self, params: "parcel 7")))
    send("1", {"weight": 3})
    host()

    assert ledger == [
        sent[0],
        ("carrier.ship", "parcel 7", NOW),
        {
            "reservations": [{"topic": "order.received", "message_id": "1"}],
            "data": [{"weight": 3}],
            "title": "",
            "wake_at": None,
        },
        "1",
    ]
    assert sent[0][0] == {"of": [{"weight": 3}]}


@pytest.mark.django_db
def test_every_change_of_a_run_has_its_reason_in_english(
    deploy: Deploy, settings: Settings
) -> None:
    settings.LANGUAGE_CODE = "de"
    deploy(calling(scripted("applied")))
    event = send()
    host()
    run = last_run()

    assert reasons(fresh(event)) == [
        ("pending", "published by the application"),
        ("reserved", f"reserved by run {run.pk}"),
        ("consumed", f"consumed by run {run.pk}"),
    ]
    assert reasons(run, "phase") == [
        ("preparing", "started"),
        ("mutating", "about to call scripted"),
        ("mutated", "scripted was applied"),
        ("committed", "committed"),
    ]
    assert reasons(run.mutation) == [
        ("in_flight", "about to be sent"),
        ("applied", "it happened, by the answer to the call"),
    ]
    assert not run.history.exclude(history_user=None).exists()
    assert (run.started_at, run.ended_at, run.mutation.resolved_at) == (NOW, NOW, NOW)
