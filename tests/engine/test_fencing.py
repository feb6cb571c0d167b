"""A worker that was thought dead and returns writes nothing; what it learned is kept (P1, P3).

The second worker is played from inside authors' code: it claims the workflow under another name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.engine.stage import (
    Deploy,
    calling,
    code,
    consumer,
    evidence_of,
    host,
    last_run,
    mutator,
    row,
    runs,
    send,
    status_of,
    take_one,
)
from workflows_app.engine.advancing import advance
from workflows_app.engine.claims import claim
from workflows_app.models import Event, Lease, Mutation
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    NotApplied,
    PrepareContext,
    PrepareResult,
    Reconciliation,
    Workflow,
)
from workflows_app.testing import scripted

pytestmark = pytest.mark.usefixtures("sound")


def _expire() -> None:
    """Let the time of whoever holds the workflow be over."""
    Lease.objects.update(expires_at=Now() - timedelta(seconds=1))


def _take_over() -> None:
    """Claim the workflow as another worker does after the first one's claim has expired."""
    _expire()
    assert claim(row().pk) is not None
    Lease.objects.update(holder="elsewhere 1 1")


def _once(act: Callable[[], None]) -> Callable[[], None]:
    done: list[int] = []

    def first_time_only() -> None:
        if not done:
            done.append(1)
            act()

    return first_time_only


def _overtaken_in(where: str, called: Any) -> type[Workflow]:
    take_over = _once(_take_over)

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        if where == "prepare":
            take_over()
        return take_one(ctx, state)

    def mutate(prepared: PrepareResult) -> MutationCall | None:
        if where == "mutate":
            take_over()
        return MutationCall(called, {})

    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        if where == "next":
            take_over()
        if where == "failing next":
            take_over()
            raise ValueError("too late to matter")
        return {"by": "somebody"}

    return code(consumer(prepare, mutate, next), calls=[called])


def _advance_once() -> None:
    """Let one worker try, without the second try that `host` makes."""
    assert not advance(row().pk).has_more


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["prepare", "mutate"])
def test_a_worker_that_was_overtaken_before_the_checkpoint_sends_nothing(
    deploy: Deploy, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    called = scripted("applied")
    deploy(_overtaken_in(where, called))
    send()
    _advance_once()

    assert not called.calls
    assert (last_run().status, last_run().phase) == ("active", "preparing")
    assert (status_of("1"), Mutation.objects.count()) == ("pending", 0)
    assert caplog.record_tuples[-1] == (
        "workflows_app",
        logging.WARNING,
        f"claim.lost workflow={row().pk} token=1",
    )
    assert Lease.objects.get().holder == "elsewhere 1 1", "the claim of the second worker stands"

    _expire()
    host()
    host(10)
    assert [run.status for run in runs()] == ["crashed", "committed"]
    assert len(called.effects) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["next", "failing next"])
def test_a_worker_that_was_overtaken_in_next_commits_nothing(deploy: Deploy, where: str) -> None:
    called = scripted("applied")
    flow = _overtaken_in(where, called)
    deploy(flow)
    send()
    _advance_once()

    run = last_run()
    assert (run.status, run.phase, run.failure_kind) == ("active", "mutated", "")
    assert status_of("1") == "reserved"
    assert row().handlers.get().state is None


def _send_and_overtake(deploy: Deploy, answer: Any, reconcile: Any = None) -> Mutation:
    take_over = _once(_take_over)

    def execute(params: Any, key: str) -> Any:
        take_over()
        if isinstance(answer, Exception):
            raise answer
        return answer

    deploy(calling(mutator(execute, reconcile)))
    send()
    _advance_once()
    return Mutation.objects.get()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("answer", "verdict", "detail"),
    [
        ({"parcel": 7}, "applied", ""),
        (NotApplied("no such street"), "not_applied", "no such street"),
        (ConnectionError("reset"), "unknown", "ConnectionError: reset"),
    ],
    ids=["applied", "not applied", "unknown"],
)
def test_the_answer_to_a_worker_that_was_overtaken_becomes_late_evidence(
    deploy: Deploy, answer: Any, verdict: str, detail: str
) -> None:
    mutation = _send_and_overtake(deploy, answer)

    assert (mutation.status, mutation.result) == ("in_flight", None)
    assert evidence_of(mutation) == [("late", verdict, detail, 1)]
    assert (last_run().status, last_run().phase) == ("active", "mutating")
    assert status_of("1") == "reserved"


@pytest.mark.django_db(transaction=True)
def test_the_second_worker_asks_and_never_sends_again(deploy: Deploy) -> None:
    mutation = _send_and_overtake(
        deploy, {"parcel": 7}, lambda params, key: Reconciliation.applied({"parcel": 7})
    )
    _expire()
    host()
    mutation = Mutation.objects.get(pk=mutation.pk)

    assert (mutation.status, mutation.resolved_by) == ("applied", "reconcile")
    assert [(kind, verdict) for kind, verdict, *_ in evidence_of(mutation)] == [
        ("late", "applied"),
        ("execute", "unknown"),
        ("reconcile", "applied"),
    ]
    assert [run.status for run in runs()] == ["committed"]
    assert Event.objects.get().status == "consumed"


@pytest.mark.django_db(transaction=True)
def test_an_answer_about_an_effect_that_becomes_late_does_not_count_as_an_attempt(
    deploy: Deploy,
) -> None:
    take_over = _once(_take_over)

    def lost(params: Any, key: str) -> Any:
        raise ConnectionError("reset")

    def reconcile(params: Any, key: str) -> Reconciliation:
        take_over()
        return Reconciliation.applied({"parcel": 7})

    deploy(calling(mutator(lost, reconcile)))
    send()
    _advance_once()
    mutation = Mutation.objects.get()

    assert (mutation.status, mutation.reconcile_attempts) == ("needs_reconcile", 0)
    assert [(kind, verdict) for kind, verdict, *_ in evidence_of(mutation)] == [
        ("execute", "unknown"),
        ("late", "applied"),
    ]
    _expire()
    host()
    assert [run.status for run in runs()] == ["committed"]


@pytest.mark.django_db(transaction=True)
def test_the_claim_outlasts_a_call_under_way(deploy: Deploy) -> None:
    lasts: list[tuple[str, bool]] = []

    def look(when: str) -> None:
        until = Now() + timedelta(seconds=290)
        lasts.append((when, Lease.objects.filter(expires_at__gt=until).exists()))

    def execute(params: Any, key: str) -> Any:
        look("execute")
        raise ConnectionError("reset")

    def reconcile(params: Any, key: str) -> Reconciliation:
        look("reconcile")
        return Reconciliation.retry("not yet")

    deploy(calling(mutator(execute, reconcile, policy={"call_timeout_seconds": 240})))
    send()
    host()
    host(10)

    assert lasts == [("execute", True), ("reconcile", True), ("reconcile", True)]
