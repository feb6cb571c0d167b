"""Limits and delays: the setting, overridden by a workflow, overridden by a mutator."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pytest_django import Settings

from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    Deploy,
    after,
    calling,
    code,
    consumer,
    evidence_of,
    host,
    last_run,
    mutator,
    send,
)
from workflows_app.sdk import MutationCall, NotApplied

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


def test_a_mutator_may_have_no_retries_at_all(deploy: Deploy) -> None:
    def refuse(params: Any, key: str) -> Any:
        raise NotApplied("busy", retryable=True)

    deploy(calling(mutator(refuse, policy={"transient_retries": 0})))
    send()
    host()

    assert (last_run().failure_kind, last_run().retry_due_at) == ("transient", None)


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


@pytest.mark.parametrize(
    ("of_mutator", "is_called"), [({}, False), ({"json_max_bytes": 999}, True)]
)
def test_how_large_params_may_be_is_the_mutators(
    deploy: Deploy, of_mutator: dict[str, Any], is_called: bool
) -> None:
    called: list[Any] = []
    bank = mutator(lambda params, key: called.append(params), policy=of_mutator)
    large = {"text": "x" * 100}
    sends = consumer(mutate=lambda prepared: MutationCall(bank, large))
    deploy(code(sends, calls=[bank], policy={"json_max_bytes": 90}))
    send()
    host()

    assert called == ([large] if is_called else [])
