"""What a page leads to, counts, and lets one press: the right row, and nothing but what was chosen."""

from __future__ import annotations

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client
from pytest_django import Settings

from tests.admin.addresses import list_of, page_of, told
from tests.admin.rows import add, stage
from tests.commands import console
from tests.conftest import logged_in
from workflows_app.groups import OPERATE
from workflows_app.models import (
    Breaker,
    Event,
    OperatorAction,
    Run,
    Workflow,
)
from workflows_app.operations import (
    DECLARED,
)

pytestmark = pytest.mark.django_db

#: The permission of each button.
ASKS = {each.name: each.permission for each in DECLARED} | {"skip_events_of_run": "skip_event"}
WITH_BUTTONS: list[type[Model]] = [Breaker, Event, Run, Workflow]


def test_a_number_finds_the_run_of_that_number_alone(viewer: Client, operator_user: User) -> None:
    run = stage(operator_user).run
    common = {name: getattr(run, name) for name in ("workflow", "handler", "version", "started_at")}
    done = {"phase": "committed", "status": "committed", "ended_at": run.started_at, "title": "Pay"}
    Run.objects.bulk_create(Run(pk=pk, **common, **done) for pk in (7, 70, 17, 777))
    for number in (7, 70, 17, 777):
        rows = viewer.get(list_of(Run), {"q": number}).context["cl"].result_list
        assert [row.pk for row in rows] == [number]
    Run.objects.bulk_create([Run(pk=8, **common, **done | {"title": "Pay invoice 777"})])
    rows = viewer.get(list_of(Run), {"q": "777"}).context["cl"].result_list
    assert {row.pk for row in rows} == {8, 777}


def test_each_button_asks_for_its_own_permission_and_no_other(operator_user: User) -> None:
    at = stage(operator_user)
    rows = {Breaker: at.breaker, Event: at.event, Run: at.run, Workflow: at.workflow}
    buttons = [
        (rows[model], button.name)
        for model in WITH_BUTTONS
        for button in site.get_model_admin(model).buttons  # type: ignore[attr-defined]
    ]
    assert {name for _, name in buttons} == set(ASKS)
    person = User.objects.create_user("pia", is_staff=True)
    for row, name in buttons:
        view = f"view_{row._meta.model_name}"
        answers = []
        for wanted in ([ASKS[name]], [each for each in OPERATE if each != ASKS[name]]):
            person.user_permissions.set(Permission.objects.filter(codename__in=[view, *wanted]))
            answers.append(logged_in(person).get(page_of(row, name)).status_code)
        assert answers == [200, 403], name


def test_no_list_with_buttons_offers_or_takes_more_than_was_chosen(
    operator: Client, operator_user: User
) -> None:
    at = stage(operator_user)
    add(at, 60, "more")
    for model in WITH_BUTTONS:
        page = operator.get(list_of(model)).content.decode()
        assert "data-actions-icnt" in page
        assert "select the objects across all pages" not in page
    Event.objects.filter(message_id="more-1").update(status="pending")
    chosen = Event.objects.get(message_id="more-1")
    sent = {"action": "bulk_skip_event", "_selected_action": chosen.pk, "select_across": "1"}
    preview = operator.post(list_of(Event), sent)
    assert [item["row"] for item in preview.context["applying"]] == [chosen]
    operator.post(list_of(Event), {**sent, "confirmed": "yes", "reason": "x"})
    assert OperatorAction.objects.filter(operation="skip_event").count() == 1


def test_who_does_not_decide_about_a_workflow_is_offered_nothing_and_told_so(
    blocked: Run,
    operator: Client,
    operator_user: User,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.WORKFLOWS_DECIDERS = {"pay": ["Clerks"]}
    refusal = "olga may not use “Skip” on workflow 'pay': members of “Clerks” decide about it."
    assert operator.get(page_of(blocked)).context["buttons"] == []
    sent = {"_form_submitted": "True", "reason": "x"}
    assert told(operator.post(page_of(blocked, "skip_run"), sent))[:1] == [refusal]
    assert (
        "web.refused code=permission_denied user=olga address=127.0.0.1 method=POST" in caplog.text
    )
    bulk = {
        "action": "bulk_skip_run",
        "_selected_action": blocked.pk,
        "confirmed": "yes",
        "reason": "x",
    }
    assert told(operator.post(list_of(Run), bulk))[-1] == refusal
    command = [
        "resolve_runs",
        blocked.pk,
        "--operation",
        "skip_run",
        "--actor",
        "olga",
        "--reason",
        "x",
    ]
    ran = console.run(*command, "--no-input")
    assert (ran.code, refusal in ran.err) == (3, True)
    assert OperatorAction.objects.count() == 0

    operator_user.groups.add(Group.objects.create(name="Clerks"))
    assert len(operator.get(page_of(blocked)).context["buttons"]) > 0
    operator.post(page_of(blocked, "skip_run"), sent)
    assert OperatorAction.objects.get().operation == "skip_run"
