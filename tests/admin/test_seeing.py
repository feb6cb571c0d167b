"""A page tells of other things only what its person may see: of each by Django's permission for it."""

from __future__ import annotations

import html
import re
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


def told(client: Client, address: str) -> set[type[Any]]:
    """Return of which models the page gives a row away."""
    answer = client.get(address, headers={"hx-request": "true"} if "skip-run" in address else {})
    assert answer.status_code == 200
    page = answer.content.decode()
    return {model for model, word in TELLS.items() if word in page}


def test_who_may_see_one_thing_sees_no_other_on_its_page(rows: dict[type[Any], Any]) -> None:
    for model in PAGES:
        client = person_who_may(f"view_{model._meta.model_name}")
        shown = told(client, page_of(rows[model])) | told(client, list_of(model))
        assert shown == {model} & set(TELLS), model
        User.objects.filter(username="eve").update(username=f"eve-{model.__name__}")


@pytest.mark.parametrize("alone", [True, False], ids=["sees it alone", "sees all but it"])
@pytest.mark.parametrize("model", LINKED)
def test_no_page_leads_to_one_that_its_person_may_not_see(
    rows: dict[type[Any], Any], model: type[Any], alone: bool
) -> None:
    LaneState.objects.update(oldest_pending=rows[Event].pk, is_held=False)
    models = [model] if alone else [each for each in LINKED if each is not model]
    client = person_who_may(*(f"view_{each._meta.model_name}" for each in models))
    pages = [page_of(rows.get(each) or each.objects.first()) for each in models]
    links: dict[str, str] = {}
    for page in (*pages, *map(list_of, models), HOME):
        body = client.get(page).content.decode().split('id="main"')[-1]
        found = re.findall(r'href="(/admin/workflows_app/[^"#]+)"', body)
        links.update({html.unescape(link): page for link in found})
    refused = {link: page for link, page in links.items() if client.get(link).status_code == 403}
    assert refused == {}


def test_who_may_see_all_sees_all(rows: dict[type[Any], Any], viewer: Client) -> None:
    everything = set(TELLS)
    assert told(viewer, page_of(rows[Run])) == everything
    assert told(viewer, page_of(rows[Event])) == everything - {Mutation, Evidence}
    assert told(viewer, page_of(rows[Input])) == everything - {Mutation, Evidence}
    assert told(viewer, page_of(rows[Mutation])) == everything
    assert told(viewer, page_of(rows[Workflow])) == {Run, OperatorAction}
    assert told(viewer, page_of(rows[Breaker])) == {Run, Evidence}


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


def test_the_home_page_and_a_dialog_tell_of_runs_alone(rows: dict[type[Any], Any]) -> None:
    client = person_who_may("view_run", "skip_run", "assert_happened", "assert_not_happened")
    home = client.get(HOME).content.decode()
    assert ("Pay of first" in home, "ACME" in home, "contradict" in home) == (True, False, False)
    dialog = page_of(rows[Run], "skip_run")
    assert told(client, dialog) == {Run}
    denied = html.unescape(client.get(page_of(rows[Run], "it_didnt_happen")).content.decode())
    assert ("I looked for “Pay of first” in" in denied, "ACME" in denied) == (True, False)
    # What is ticked tells nothing of the answer that the outside system gave.
    Evidence.objects.create(mutation=rows[Mutation], kind="probe", verdict="applied")
    seers = logged_in(User.objects.create_superuser("root")), client
    for address, answered in {
        dialog: "It happened, and nothing shall follow from it here",
        page_of(
            rows[Run], "it_happened"
        ): "The outside system was asked, and says that it happened.",
    }.items():
        assert [answered in text_of(each, address) for each in seers] == [True, False]
    bulk = {"action": "bulk_skip_run", "_selected_action": rows[Run].pk}
    page = client.post(list_of(Run), bulk).content.decode()
    assert ("Pay of first" in page, "ACME" in page, TELLS[Evidence] in page) == (True, False, False)


def test_the_filter_of_decisions_names_nobody_but_who_decided(
    rows: dict[type[Any], Any], viewer: Client
) -> None:
    User.objects.create_user("secret-colleague")
    other = User.objects.create_user("paul")
    for person in (other, User.objects.get(username="olga")):
        OperatorAction.objects.create(
            operation="try_again", actor=person, actor_name=person.username, reason="x",
            workflow=rows[Workflow], run=rows[Run],
        )  # fmt: skip
    page = viewer.get(list_of(OperatorAction)).content.decode()
    assert ("paul" in page, "secret-colleague" in page) == (True, False)


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


def test_a_version_names_who_deployed_it(
    rows: dict[type[Any], Any], operator_user: User, viewer: Client
) -> None:
    version = rows[Run].version
    version.actor = operator_user
    version.save()
    client = person_who_may("view_workflowversion", "view_user")
    for reader in (viewer, client):
        page = reader.get(page_of(version)).content.decode().split('id="main"')[-1]
        # A project need not have pages of its users.
        assert ("olga" in page, f"/auth/user/{operator_user.pk}/" in page) == (True, False)
