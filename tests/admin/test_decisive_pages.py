"""What a page leads to, counts, and lets one press: the right row, and nothing but what was chosen."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.models import Model, TextField, Value
from django.db.models.functions import Cast, Concat, Now
from django.test import Client
from django.urls import resolve
from pytest_django import Settings

from tests.admin.addresses import HOME, SHOWN, list_of, page_of, text_of, text_of_html, told
from tests.admin.rows import add, stage
from tests.commands import console
from tests.conftest import logged_in
from tests.models.rows import Rows
from tests.scenes import Scene
from workflows_app.groups import OPERATE
from workflows_app.models import (
    Breaker,
    Event,
    Evidence,
    Handler,
    Input,
    Mutation,
    OperatorAction,
    Run,
    Topic,
    Workflow,
)
from workflows_app.operations import (
    DECLARED,
    it_didnt_happen,
    pause_workflow,
    resume_workflow,
    skip_event,
    skip_run,
)

pytestmark = pytest.mark.django_db

#: The permission of each button.
ASKS = {each.name: each.permission for each in DECLARED} | {"skip_events_of_run": "skip_event"}
WITH_BUTTONS: list[type[Model]] = [Breaker, Event, Run, Workflow]


def links(client: Client, address: str) -> dict[str, str]:
    """Return where the project's own links lead to, by what stands on them."""
    page = client.get(address).content.decode()
    found = re.findall(r'<a class="ops-link[^"]*" href="([^"]+)">([^<]+)</a>', page)
    return {text: href for href, text in found}


def hrefs(client: Client, address: str) -> dict[str, str]:
    """Return where all links of a page lead to, by what stands on them; the first of each."""
    page = client.get(address).content.decode().split('id="main"')[-1]
    found = re.findall(r'<a [^>]*?href="([^"]+)"[^>]*>([^<]+)</a>', page)
    return {html.unescape(text).strip(): href for href, text in reversed(found)}


def test_every_link_of_a_retry_leads_to_what_it_names(
    blocked: Run, operator_user: User, operator: Client
) -> None:
    it_didnt_happen(blocked, actor=operator_user, reason="Not in the list")
    retry = Run.objects.get(retry_of=blocked)
    event, cause = Event.objects.get(), Input.objects.get()
    of_retry, of_blocked = links(operator, page_of(retry)), links(operator, page_of(blocked))
    for found in (of_retry, of_blocked):
        assert found[f"run {blocked.pk}"] == page_of(blocked)
        assert found[str(event.message_id)] == page_of(event)
    assert of_retry[f"run {retry.pk}"] == page_of(retry)
    assert of_blocked[f"run {retry.pk}"] == page_of(retry)
    assert of_blocked["scripted"] == page_of(Mutation.objects.get(run=blocked))
    assert links(operator, page_of(event))[str(cause)] == page_of(cause)
    effect = Mutation.objects.get(run=blocked)
    assert hrefs(operator, page_of(effect))[str(blocked)] == page_of(blocked)
    assert hrefs(operator, list_of(Mutation))[str(blocked)] == page_of(blocked)
    # One run made it, another one holds it.
    Event.objects.filter(pk=event.pk).update(created_by=blocked)
    assert hrefs(operator, page_of(event))[str(retry)] == page_of(retry)
    assert hrefs(operator, list_of(Event))[str(retry)] == page_of(retry)
    action = OperatorAction.objects.get()
    assert links(operator, page_of(action))[str(blocked)] == page_of(blocked)
    assert "retry of" in text_of(operator, page_of(retry)).lower()


def names_of(row: Any) -> set[str]:
    """Return what links to a row may call it."""
    match row:
        case Run():
            return {row.title, str(row.pk)}
        case Event():
            return {row.message_id}
        case Mutation():
            return {row.mutator, str(row)}
        case Workflow():
            return {row.title, row.slug}
        case Breaker():
            return {row.handler.name}
        case Handler() | Topic():
            return {row.name}
        case _:
            return {str(row)}


def rows_linked(client: Client, address: str) -> Iterator[tuple[Any, str]]:
    """Yield the rows that a page links to, each with what stands on the link."""
    page = client.get(address).content.decode().split('id="main"')[-1]
    for href, text in re.findall(r'<a [^>]*?href="([^"#?]+)"[^>]*>(.*?)</a>', page, re.S):
        found = resolve(href) if href.startswith("/admin/workflows_app/") else None
        if found is not None and str(found.url_name).endswith("_change"):
            model = apps.get_model("workflows_app", str(found.url_name).split("_")[2])
            yield model._default_manager.get(pk=found.kwargs["object_id"]), text_of_html(text)


def numbers_apart() -> None:
    """Let no two kinds of rows have the same numbers, by which a wrong link could be right by chance."""
    with connection.cursor() as cursor:
        for place, model in enumerate(SHOWN):
            table = model._meta.db_table
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            cursor.execute(f"SELECT setval({sequence}, {10_000 * (place + 1)})")


def test_each_link_to_a_row_says_how_that_is_called(
    scene: Callable[..., Scene], operator_user: User, superuser: Client
) -> None:
    numbers_apart()
    pay = scene("lost", "applied", "lost", "lost")
    refund, ship = scene("rejected", slug="refund"), scene("applied", slug="ship")
    it_didnt_happen(pay.happens("42"), actor=operator_user, reason="Not in the list")
    pay.run_host()
    skip_run(pay.happens("43"), actor=operator_user, reason="No longer wanted")
    waits = pay.happens("44")
    pay.publish("45")
    refund.happens("7")
    refund.publish("8")
    shipped = ship.happens("9")
    skip_event(ship.publish("10"), actor=operator_user, reason="Twice")
    Evidence.objects.create(
        mutation=shipped.mutation, kind="late", verdict="not_applied", contradicts=True
    )
    Breaker.objects.update(status="open", unknowns=5, openings=1, opened_at=Now(), trial_at=Now())
    Run.objects.update(title=Concat(Value("Work "), Cast("pk", TextField())))
    Workflow.objects.update(title=Concat(Value("Flow "), "slug"))
    Handler.objects.update(name=Concat(Value("Do "), Cast("pk", TextField())))

    linked = Counter()
    rows = [row for model in SHOWN for row in model._default_manager.all()]
    for address in (HOME, *map(list_of, SHOWN), *map(page_of, rows)):
        for row, text in rows_linked(superuser, address):
            # What a list is of is called by its own columns.
            is_named = any(name in text for name in names_of(row))
            assert is_named or address == list_of(type(row)), (address, repr(row), text)
            linked[type(row)] += is_named
    assert set(linked) >= {Breaker, Event, Handler, Input, Mutation, Run, Topic, Workflow}
    for mine, other in (("Not in the list", "No longer wanted"), ("No longer wanted", "Twice")):
        run = Run.objects.get(operator_actions__reason=mine)
        for row in (run, run.mutation, run.reservations.get().event):
            text = text_of(superuser, page_of(row))
            assert (mine in text, other in text) == (True, False), page_of(row)
    home, decisions = hrefs(superuser, HOME), list_of(OperatorAction)
    assert home["All skipped runs"] == f"{decisions}?operation__exact=skip_run"
    assert home["all skipped events"] == f"{decisions}?operation__exact=skip_event"
    assert home["All decisions"] == decisions
    behind = f"status__exact=pending&topic__workflow__id__exact={waits.workflow_id}&lane=main"
    shown = html.unescape(hrefs(superuser, page_of(waits))["Show them"])
    assert shown == f"{list_of(Event)}?{behind}"


def test_the_page_of_a_workflow_lists_all_decisions_the_newest_first(
    blocked: Run, operator_user: User, operator: Client
) -> None:
    pause_workflow(blocked.workflow, actor=operator_user, reason="the first of three")
    resume_workflow(blocked.workflow, actor=operator_user, reason="the second of three")
    skip_run(blocked, actor=operator_user, reason="the third of three")
    text = text_of(operator, page_of(blocked.workflow))
    assert re.findall(r"the (\w+) of three", text) == ["third", "second", "first"]


def test_the_page_of_a_workflow_tells_of_its_own_breakers(blocked: Run, operator: Client) -> None:
    own = Breaker.objects.get()
    others = Rows("other").breaker("open")
    Breaker.objects.filter(pk=own.pk).update(
        status="open", openings=1, unknowns=5, opened_at=others.trial_at, trial_at=others.trial_at
    )
    Breaker.objects.filter(pk=others.pk).update(openings=1, unknowns=5, opened_at=others.trial_at)
    for mine, other in ((own, others), (others, own)):
        page = operator.get(page_of(mine.handler.workflow)).content.decode()
        assert (page_of(mine) in page, page_of(other) in page) == (True, False)


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
