"""From any input to every event, run, outside effect and decision that came of it, and back (P5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.models.rows import Rows
from workflows_app.models import (
    Event,
    EventInput,
    Input,
    Mutation,
    OperatorAction,
    Reservation,
    Run,
    Workflow,
)
from workflows_app.operations import it_didnt_happen, pause_workflow, skip_event
from workflows_app.publishing import publish, register_input
from workflows_app.queries import lineage
from workflows_app.sdk import Consumer, MutationCall, PrepareResult
from workflows_app.sdk import Workflow as WorkflowCode
from workflows_app.testing import drain, registered, scripted

Pay, Notify = scripted("lost", "applied", name="bank.pay"), scripted(name="mail.send")


class PayTogether(Consumer):
    """Pays all invoices that are there in one go, and publishes one event for them."""

    subscribes = ["invoice.received"]
    publishes = ["invoice.paid"]

    def prepare(self, ctx: Any, state: Any) -> PrepareResult:
        return PrepareResult(ctx.peek("invoice.received", limit=2))

    def mutate(self, prepared: PrepareResult) -> MutationCall:
        return MutationCall(Pay, {})

    def next(self, ctx: Any, prepared: PrepareResult, outcome: Any) -> Any:
        if prepared.reservations:
            ids = "+".join(event.message_id for event in prepared.reservations)
            ctx.publish("invoice.paid", message_id=ids, payload={})
        return None


class Tell(Consumer):
    subscribes = ["invoice.paid"]

    def prepare(self, ctx: Any, state: Any) -> PrepareResult:
        return PrepareResult(ctx.peek("invoice.paid", limit=1))

    def mutate(self, prepared: PrepareResult) -> MutationCall:
        return MutationCall(Notify, {})


class Chain(WorkflowCode):
    slug = "chain"
    title = "Pay, then tell"
    version = "1.0"
    consumers = [PayTogether, Tell]
    mutators = [Pay, Notify]


class Story:
    """Invoices 1 and 2 are paid together, after a person said that it had not happened; 3 is skipped."""

    def __init__(self, person: User) -> None:
        self.person = person
        self.received = {number: self.receive(number) for number in ("1", "2")}
        drain("chain")
        self.unsure = Run.objects.get(status="blocked")
        self.received["3"] = self.receive("3")
        self.skipping = skip_event(self.received["3"], actor=person, reason="paid in cash")
        self.assertion = it_didnt_happen(self.unsure, actor=person, reason="asked the bank")
        drain("chain", now=timezone.now() + timedelta(minutes=1))
        self.retry = Run.objects.get(retry_of=self.unsure)
        self.paid = Event.objects.get(topic__name="invoice.paid")
        self.telling = Run.objects.get(handler__name="Tell", mutation__isnull=False)
        pause_workflow(Workflow.objects.get(), actor=person, reason="holiday")

    def receive(self, number: str) -> Event:
        cause = register_input(
            workflow="chain", source="erp", type="invoice", external_id=number, title=f"No {number}"
        )
        return publish(
            workflow="chain", topic="invoice.received", message_id=number, payload={}, input=cause
        )

    def input(self, number: str) -> Input:
        return Input.objects.get(external_id=number)


@pytest.fixture
def story(db: None) -> Iterator[Story]:
    for script in (Pay, Notify):
        script.calls.clear()
        script.effects.clear()
    with registered(Chain):
        yield Story(User.objects.create_superuser("olga"))


@pytest.mark.parametrize("number", ["1", "2"])
def test_from_an_input_to_all_that_came_of_it(story: Story, number: str) -> None:
    cause = story.input(number)

    assert list(lineage.events_of_input(cause)) == [story.received[number], story.paid]
    assert list(lineage.runs_of_input(cause)) == [story.unsure, story.retry, story.telling]
    effects = list(lineage.mutations_of_input(cause))
    assert [(effect.run, effect.mutator, effect.status) for effect in effects] == [
        (story.unsure, "bank.pay", "failed"),
        (story.retry, "bank.pay", "applied"),
        (story.telling, "mail.send", "applied"),
    ]
    assert list(lineage.decisions_on_input(cause)) == [story.assertion]


def test_an_input_of_which_nothing_came_but_a_decision(story: Story) -> None:
    cause = story.input("3")

    assert list(lineage.events_of_input(cause)) == [story.received["3"]]
    assert list(lineage.runs_of_input(cause)) == []
    assert list(lineage.mutations_of_input(cause)) == []
    assert list(lineage.decisions_on_input(cause)) == [story.skipping]


def test_from_an_outside_effect_back_to_its_inputs(story: Story) -> None:
    (telling,) = Mutation.objects.filter(mutator="mail.send")

    assert list(lineage.events_reserved_by(telling.run)) == [story.paid]
    assert [str(cause) for cause in lineage.inputs_of_run(telling.run)] == ["No 1", "No 2"]


def test_from_an_event_to_its_inputs_runs_and_decisions(story: Story) -> None:
    first, paid = story.received["1"], story.paid

    assert list(lineage.inputs_of_event(first)) == [story.input("1")]
    assert list(lineage.inputs_of_event(paid)) == [story.input("1"), story.input("2")]
    assert list(lineage.runs_of_event(first)) == [story.unsure, story.retry]
    assert list(lineage.runs_of_event(paid)) == [story.telling]
    assert list(lineage.decisions_on_event(first)) == [story.assertion]
    assert list(lineage.decisions_on_event(paid)) == []
    assert list(lineage.decisions_on_event(story.received["3"])) == [story.skipping]


def test_from_a_run_to_what_it_took_and_gave(story: Story) -> None:
    for run in (story.unsure, story.retry):
        assert list(lineage.events_reserved_by(run)) == [story.received["1"], story.received["2"]]
        assert [str(cause) for cause in lineage.inputs_of_run(run)] == ["No 1", "No 2"]
    assert list(lineage.events_published_by(story.unsure)) == []
    assert list(lineage.events_published_by(story.retry)) == [story.paid]
    assert list(lineage.decisions_on_run(story.unsure)) == [story.assertion]
    assert list(lineage.decisions_on_run(story.retry)) == []


def test_from_a_decision_back_to_what_it_was_about(story: Story) -> None:
    assert (story.assertion.run, story.assertion.event) == (story.unsure, None)
    assert (story.skipping.run, story.skipping.event) == (None, story.received["3"])
    assert story.assertion.workflow == story.skipping.workflow == story.unsure.workflow


def test_the_decisions_on_a_workflow_are_all_of_it_newest_first(story: Story) -> None:
    found = lineage.decisions_on_workflow(Workflow.objects.get())

    assert [action.operation for action in found] == [
        "pause_workflow",
        "it_didnt_happen",
        "skip_event",
    ]


@pytest.mark.django_db
def test_an_input_of_two_events_of_a_run_is_one_input(rows: Rows) -> None:
    run, cause = rows.run(), rows.input()
    for event in (rows.event(), rows.event()):
        Reservation.objects.create(run=run, event=event)
        EventInput.objects.create(event=event, input=cause)

    assert list(lineage.inputs_of_run(run)) == [cause]
    assert list(lineage.runs_of_input(cause)) == [run]
    assert list(lineage.mutations_of_input(cause)) == []


@pytest.mark.django_db
def test_a_decision_on_an_event_shows_at_the_run_that_had_reserved_it(rows: Rows) -> None:
    reservation = rows.reservation()
    action = OperatorAction.objects.create(
        operation="skip_event",
        actor=User.objects.create_user("olga"),
        actor_name="olga",
        reason="why",
        workflow=rows.workflow,
        event=reservation.event,
    )

    assert list(lineage.decisions_on_run(reservation.run)) == [action]


QUERIES: list[tuple[Callable[[Any], QuerySet[Any]], Callable[[Story], Any]]] = [
    (lineage.events_of_input, lambda story: story.input("1")),
    (lineage.runs_of_input, lambda story: story.input("1")),
    (lineage.mutations_of_input, lambda story: story.input("1")),
    (lineage.decisions_on_input, lambda story: story.input("1")),
    (lineage.inputs_of_event, lambda story: story.paid),
    (lineage.runs_of_event, lambda story: story.paid),
    (lineage.decisions_on_event, lambda story: story.received["1"]),
    (lineage.inputs_of_run, lambda story: story.retry),
    (lineage.events_reserved_by, lambda story: story.retry),
    (lineage.events_published_by, lambda story: story.retry),
    (lineage.decisions_on_run, lambda story: story.unsure),
    (lineage.decisions_on_workflow, lambda story: story.unsure.workflow),
]


def test_each_question_takes_one_query_with_what_is_shown_of_the_rows(
    story: Story, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for question, about in QUERIES:
        row = about(story)
        with django_assert_num_queries(1):
            shown = [str(found) for found in question(row)]
        assert shown


@pytest.mark.django_db
def test_an_input_of_which_thousands_came_costs_no_more_than_another(rows: Rows) -> None:
    cause = rows.input()
    events = Event.objects.bulk_create(
        Event(topic=rows.topic, message_id=str(number), payload={}) for number in range(150)
    )
    EventInput.objects.bulk_create(EventInput(event=event, input=cause) for event in events)

    found = list(lineage.events_of_input(cause))

    assert found == events[: lineage.LIMIT]
    assert lineage.LIMIT == 100
