"""A page tells of other things only what its person may see: of each by Django's permission for it."""

from __future__ import annotations

import html
import re
from itertools import permutations
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import HOME, history_of, list_of, old_versions_of, page_of, text_of
from tests.admin.rows import stage
from tests.conftest import logged_in
from workflows_app.models import (
    Breaker,
    Event,
    EventInput,
    Evidence,
    Handler,
    Input,
    LaneState,
    Mutation,
    OperatorAction,
    Reservation,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
)
from workflows_app.operations import pause_workflow, skip_run

pytestmark = pytest.mark.django_db

#: By which word a page gives away a row of each.
TELLS: dict[type[Any], str] = {
    Event: "message-of-event",
    Input: "title-of-input",
    Mutation: "param-of-call",
    OperatorAction: "reason-of-decision",
    Run: "Pay of first",
    Evidence: "detail-of-evidence",
}
PAGES: list[type[Any]] = [Breaker, Event, Input, Mutation, OperatorAction, Run, Workflow]
LINKED: list[type[Any]] = [*PAGES, Handler, Topic, WorkflowVersion]


@pytest.fixture
def rows(operator_user: User) -> dict[type[Any], Any]:
    """A blocked run and all that belongs to it, each with a word of its own."""
    at = stage(operator_user)
    event = Event.objects.create(
        topic=at.event.topic, message_id=TELLS[Event], payload={}, lane="", status="reserved",
        reserved_by=at.run, created_by=at.run,
    )  # fmt: skip
    cause = Input.objects.create(
        workflow=at.workflow, source="erp", type="x", external_id="2", title=TELLS[Input]
    )
    EventInput.objects.create(event=event, input=cause)
    Reservation.objects.create(run=at.run, event=event)
    prepared = {"data": {TELLS[Mutation]: 1}, "reservations": [{"message_id": TELLS[Event]}]}
    Run.objects.filter(pk=at.run.pk).update(prepare_result=prepared)
    Mutation.objects.filter(pk=at.mutation.pk).update(params={TELLS[Mutation]: 1})
    Evidence.objects.create(
        mutation=at.mutation, kind="late", verdict="applied", detail=TELLS[Evidence],
        contradicts=True, created_at=timezone.now(),
    )  # fmt: skip
    action = OperatorAction.objects.create(
        operation="try_again", actor=operator_user, actor_name="olga", reason=TELLS[OperatorAction],
        workflow=at.workflow, run=at.run,
    )  # fmt: skip
    Evidence.objects.create(
        mutation=at.mutation, kind="execute", verdict="unknown", detail=TELLS[Evidence]
    )
    return {
        Breaker: at.breaker,
        Event: event,
        Input: cause,
        Mutation: at.mutation,
        OperatorAction: action,
        Run: at.run,
        Workflow: at.workflow,
    }


def person_who_may(*codenames: str) -> Client:
    person = User.objects.create_user("eve", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return logged_in(person)


def test_who_may_see_one_thing_is_told_of_no_other_and_led_to_no_other(
    rows: dict[type[Any], Any],
) -> None:
    LaneState.objects.update(oldest_pending=rows[Event].pk, is_held=False)
    for model in LINKED:
        client = person_who_may(f"view_{model._meta.model_name}")
        own = [page_of(rows.get(model) or model.objects.first()), list_of(model)]
        pages = {address: client.get(address).content.decode() for address in (*own, HOME)}
        told = {each for each, word in TELLS.items() if any(word in pages[page] for page in own)}
        assert told == {model} & set(TELLS), model
        assert not any(word in pages[HOME] for each, word in TELLS.items() if each is not model)
        for address, page in pages.items():
            links = re.findall(
                r'href="(/admin/workflows_app/(\w+)/[^"#]*)"', page.split('id="main"')[-1]
            )
            others = {html.unescape(link) for link, name in links if name != model._meta.model_name}
            refused = [link for link in others if client.get(link).status_code == 403]
            assert refused == [], (model, address)
        User.objects.filter(username="eve").update(username=f"eve-{model.__name__}")


def test_who_may_see_two_things_is_told_of_no_third_and_led_to_none(
    rows: dict[type[Any], Any],
) -> None:
    for model, other in permutations(PAGES, 2):
        both = {model, other}
        client = person_who_may(*(f"view_{each._meta.model_name}" for each in both))
        page = client.get(page_of(rows[model])).content.decode()
        assert {each for each, word in TELLS.items() if word in page} <= both, both
        linked = re.findall(r'href="/admin/workflows_app/(\w+)/\d', page.split('id="main"')[-1])
        assert set(linked) <= {each._meta.model_name for each in both}, both
        User.objects.filter(username="eve").delete()


def test_history_names_no_run_to_whoever_may_not_see_runs(blocked: Run) -> None:
    """Nor does an old version: both tell of the run that reserved the event."""
    event = Event.objects.get()
    pages = [history_of(event), old_versions_of(event)[-1]]
    stranger = person_who_may("view_event", "view_historicalevent")
    User.objects.filter(username="eve").update(username="eva")
    both = person_who_may("view_event", "view_historicalevent", "view_run")
    for page in pages:
        assert str(blocked) in both.get(page).content.decode()
        answer = stranger.get(page)
        assert (answer.status_code, str(blocked) in answer.content.decode()) == (200, False)


def test_runs_tell_nothing_of_effects_to_who_may_not_see_those(
    rows: dict[type[Any], Any], operator_user: User
) -> None:
    client = person_who_may("view_run")
    address = list_of(Run)
    everything = {row.pk for row in client.get(address).context["cl"].result_list}
    for query in ("outcome=applied", "outside=mail.send"):
        listed = client.get(f"{address}?{query}").context["cl"]
        assert {row.pk for row in listed.result_list} == everything, query
        titles = {str(spec.title) for spec in listed.filter_specs}
        assert not titles & {"outcome", "outside system"}
    # It was sent, and is settled while its workflow is paused.
    pause_workflow(rows[Workflow], actor=operator_user, reason="holidays")
    skip_run(rows[Run], actor=operator_user, reason="It is not needed")
    text = text_of(client, page_of(rows[Run]))
    assert ("It waits for its turn." in text, "has sent nothing" in text) == (True, False)
