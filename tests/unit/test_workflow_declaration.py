"""What the host reads from a declaration: versions, topics, handlers, mutators, and the policy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from tests.unit.declarations import consumer, mutator, producer, workflow
from workflows_app.conf import policy
from workflows_app.errors import SettingsError
from workflows_app.sdk import EventRecord, MutationOutcome


def test_versions_are_compared_as_numbers() -> None:
    assert workflow(version="10.2").version_pair() == (10, 2)
    assert workflow(version="9.10").version_pair() > workflow(version="9.9").version_pair()


def test_topics_are_all_that_a_handler_takes_or_gives() -> None:
    flow = workflow(
        producers=[producer(publishes=["b", "a"])],
        consumers=[consumer(subscribes=["a"], publishes=("c",)), consumer(subscribes=["d"])],
    )

    assert flow.topics() == ["a", "b", "c", "d"]


def test_handlers_and_mutators_are_found_by_name() -> None:
    named, unnamed, send = consumer(name="take.it"), producer(), mutator()
    flow = workflow(consumers=[named], producers=[unnamed], mutators=[send])

    assert flow.handlers() == [unnamed, named]
    assert flow.handler_named("take.it") is named
    assert flow.handler_named("Read") is unnamed
    assert flow.handler_named("Take") is None
    assert flow.consumer_of("in") is named
    assert flow.consumer_of("out") is None
    assert flow.mutator_named("send") is send
    assert flow.mutator_named("other") is None


def test_only_a_mutator_that_defines_reconcile_can() -> None:
    def reconcile(self: object, params: object, *, idempotency_key: str) -> None:
        """Ask."""

    assert mutator(reconcile=reconcile).can_reconcile() is True
    assert mutator().can_reconcile() is False
    assert mutator(reconcile=None).can_reconcile() is False


def test_only_a_consumer_that_defines_record_has_rows_of_its_own() -> None:
    assert consumer(record=lambda *_: None).has_record() is True
    assert consumer().has_record() is False
    assert consumer(record=None).has_record() is False


def test_only_a_consumer_that_defines_lane_spreads_its_events() -> None:
    def lane(self: object, event: EventRecord) -> str:
        return str(event.payload["supplier"])

    named = consumer(lane=lane)
    assert named.names_lanes() is True
    assert type("Sub", (named,), {}).names_lanes() is True
    assert consumer().names_lanes() is False
    assert consumer()().lane(EventRecord("in", "1", {})) == ""
    assert consumer().handles_rejection is False


def test_a_rejection_reaches_next_with_its_reason() -> None:
    assert MutationOutcome("rejected", reason="no such account").reason == "no such account"
    assert MutationOutcome("applied", {"number": 1}).reason == ""


def test_what_only_the_base_says_nobody_said() -> None:
    assert mutator(absence_is_proof_after=timedelta(0)).says("absence_is_proof_after") is True
    assert mutator().says("absence_is_proof_after") is False
    assert mutator().says("no_such_attribute") is False


def test_the_nearest_policy_wins(settings: Settings) -> None:
    settings.WORKFLOWS = {"peek_limit": 10, "transient_retries": 1, "reconcile_attempts": 2}
    send = mutator(policy={"reconcile_attempts": 9})
    flow = workflow(policy={"transient_retries": 7, "reconcile_attempts": 8}, mutators=[send])

    of_workflow, of_mutator = flow.policy_for(), flow.policy_for(send)

    assert (of_workflow.peek_limit, of_workflow.transient_retries) == (10, 7)
    assert (of_workflow.reconcile_attempts, of_mutator.reconcile_attempts) == (8, 9)
    assert (of_mutator.peek_limit, of_mutator.transient_retries) == (10, 7)
    assert policy().reconcile_attempts == 2


def test_without_overrides_the_policy_is_the_setting() -> None:
    assert workflow().policy_for() is policy()
    assert workflow().policy_for(mutator()) is policy()


def test_an_override_that_a_changed_setting_makes_wrong_is_an_error(settings: Settings) -> None:
    flow = workflow(policy={"wake_max_seconds": 60})
    settings.WORKFLOWS = {"wake_min_seconds": 61}

    with pytest.raises(SettingsError) as refused:
        flow.policy_for()

    assert str(refused.value) == (
        "policy of workflow 'flow': WORKFLOWS['wake_min_seconds'] must not be above"
        " WORKFLOWS['wake_max_seconds']."
    )
