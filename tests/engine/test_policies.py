"""Limits and delays: the setting, overridden by a workflow, overridden by a mutator."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pytest_django import Settings

from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    SHIPPED,
    Deploy,
    after,
    calling,
    code,
    consumer,
    evidence_of,
    host,
    last_run,
    mutator,
    runs,
    send,
    waits_about,
)
from workflows_app.errors import TooLarge
from workflows_app.sdk import MutationOutcome, NextContext, NotApplied, PrepareResult

pytestmark = pytest.mark.django_db

FIVE, SEVEN = {"backoff_initial_seconds": 5}, {"backoff_initial_seconds": 7}


@pytest.mark.parametrize(
    ("workflow", "of_mutator", "seconds"),
    [({}, {}, 3), (FIVE, {}, 5), ({}, SEVEN, 7), (FIVE, SEVEN, 7)],
)
def test_the_distance_of_attempts_is_the_mutators_else_the_workflows_else_the_settings(
    deploy: Deploy,
    settings: Settings,
    workflow: dict[str, Any],
    of_mutator: dict[str, Any],
    seconds: float,
) -> None:
    settings.WORKFLOWS = {"backoff_initial_seconds": 3}
    outside = Outside(RETRY, policy=of_mutator)
    deploy(calling(outside.mutator, policy=workflow))
    send()
    host()

    assert last_run().mutation.next_reconcile_at == after(seconds)


@pytest.mark.parametrize(
    ("workflow", "of_mutator", "seconds"),
    [({}, {}, 3), (FIVE, {}, 5), ({}, SEVEN, 7), (FIVE, SEVEN, 7)],
)
def test_so_is_the_delay_after_a_refusal_of_the_outside_system(
    deploy: Deploy,
    settings: Settings,
    workflow: dict[str, Any],
    of_mutator: dict[str, Any],
    seconds: float,
) -> None:
    settings.WORKFLOWS = {"backoff_initial_seconds": 3}

    def refuse(params: Any, key: str) -> Any:
        raise NotApplied("busy", retryable=True)

    deploy(calling(mutator(refuse, policy=of_mutator), policy=workflow))
    send()
    host()

    assert waits_about(last_run(), seconds)


def test_a_mutator_may_have_no_retries_at_all(deploy: Deploy) -> None:
    def refuse(params: Any, key: str) -> Any:
        raise NotApplied("busy", retryable=True)

    deploy(calling(mutator(refuse, policy={"transient_retries": 0})))
    send()
    host()

    assert (last_run().failure_kind, last_run().retry_due_at) == ("transient", None)


def test_attempts_are_those_of_the_mutator(deploy: Deploy) -> None:
    outside = Outside(RETRY, policy={"reconcile_attempts": 2})
    deploy(calling(outside.mutator, policy={"reconcile_attempts": 9}))
    send()
    host()
    host(10)

    assert (last_run().status, len(outside.asked)) == ("blocked", 2)


def test_the_time_limit_of_a_call_is_the_mutators(deploy: Deploy) -> None:
    released = threading.Event()

    def slow(params: Any, key: str) -> Any:
        released.wait(60)
        raise SystemExit

    deploy(
        calling(
            mutator(slow, policy={"call_timeout_seconds": 0.02}),
            policy={"call_timeout_seconds": 60},
        )
    )
    send()
    host()
    released.set()

    assert evidence_of(last_run().mutation) == [
        ("execute", "unknown", "no answer within 0.02 s", 1)
    ]


def test_the_size_limit_of_what_next_publishes_is_the_workflows(deploy: Deploy) -> None:
    def next(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        ctx.publish(SHIPPED, message_id="1", payload="x" * 30)

    deploy(code(consumer(next=next), policy={"json_max_bytes": 20}))
    with pytest.raises(TooLarge):
        send("1", "x" * 30)
    send("1")
    host()

    assert last_run().failure_message.startswith("payload takes 32 bytes as JSON; at most 20 are")


def test_the_size_limit_of_a_result_is_the_mutators(deploy: Deploy) -> None:
    called = mutator(lambda params, key: "x" * 30, policy={"json_max_bytes": 20})
    deploy(calling(called))
    send()
    host()

    assert [run.status for run in runs()] == ["blocked"]
    assert evidence_of(last_run().mutation)[0][2].startswith(
        "the call returned, but result takes 32 bytes as JSON;"
    )
