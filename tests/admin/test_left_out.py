"""What stands where something is missing: no permission for it, no title, no e-mail, no person, no decision that applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.addresses import HOME, list_of, page_of, text_of
from tests.admin.test_run_pages import Away
from tests.alerts.conftest import BASE_URL
from tests.conftest import logged_in
from tests.models.rows import NOON, Rows
from workflows_app.models import (
    AccountChange,
    AlertChoice,
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
from workflows_app.operations import skip_event, skip_run

pytestmark = pytest.mark.django_db


def who_sees_all_but(hidden: type[Any]) -> Client:
    """Return the browser of a person who has all permissions to view but one."""
    person = User.objects.create_user(f"all but {hidden.__name__}", is_staff=True)
    may = Permission.objects.filter(codename__startswith="view_")
    person.user_permissions.set(may.exclude(codename=f"view_{hidden._meta.model_name}"))
    return logged_in(person)


#: Of each page what stands where rows of another model would: if there are none, and if they may not be seen.
UNSEEN: list[tuple[type[Any], str, type[Any], str, str]] = [
    (Input, "Events that came of it", Event, "none", "you may not see them"),
    (Input, "Runs", Run, "none", "you may not see them"),
    (Input, "Outside effects", Mutation, "none", "you may not see them"),
    (Workflow, "Runs at work", Run, "none", "you may not see them"),
    (Workflow, "Topics", Topic, "invoice.received 1 pending", "you may not see them"),
    (Workflow, "Handlers", Handler, "Pay Consumer", "you may not see them"),
    (Event, "Runs that reserved it", Run, "none yet", "you may not see runs"),
    (Event, "It came of", Input, "erp invoice 42", "you may not see inputs"),
    (Mutation, "It came of", Input, "nothing outside", "you may not see inputs"),
]


@pytest.mark.parametrize("hidden", [Event, Handler, Input, Mutation, Run, Topic])
def test_what_may_not_be_seen_is_said_where_it_would_stand_and_nowhere_else(
    hidden: type[Any],
) -> None:
    rows = Rows()
    alone = rows.input("43")
    cause = rows.cause()
    effect = rows.mutation(rows.run("committed"), "applied")
    pages = {Input: alone, Workflow: rows.workflow, Event: cause.event, Mutation: effect}
    client = who_sees_all_but(hidden)
    for model, label, shows, empty, unseen in UNSEEN:
        if model is not hidden:
            text = text_of(client, page_of(pages[model]))
            assert f" {label} {unseen if shows is hidden else empty}" in text, (model, label)


@pytest.mark.parametrize("hidden", [Evidence, Mutation, OperatorAction, Run, Event])
def test_of_a_run_it_is_said_what_may_not_be_seen(
    scene: Callable[..., Any], operator_user: User, hidden: type[Any]
) -> None:
    play = scene("lost", "lost")
    done = play.happens("41")
    skip_run(done, actor=operator_user, reason="Paid by card")
    blocked = play.happens("42")
    other = play.publish("43")
    skip_event(other, actor=operator_user, reason="Not ours")
    client = who_sees_all_but(hidden)
    workflow = client.get(page_of(play.workflow)).content.decode()
    assert ("/event/?topic=" in workflow) == (hidden is not Event)
    event = blocked.reservations.get().event
    Event.objects.filter(pk=event.pk).update(created_by=done)
    if hidden is not Event:
        page = client.get(page_of(event)).content.decode()
        for run, begins in ((blocked, "Reserved by "), (done, "Published by</dt><dd>")):
            link = f'{begins}<a class="ops-link" href="{page_of(run)}">'
            assert (link in page, f"{begins}run {run.pk}" in page) == (
                hidden is not Run,
                hidden is Run,
            )
    for row, number in ((done, f"about run {done.pk}"), (other, f"about event {other.pk}")):
        is_hidden, link = (
            isinstance(row, hidden),
            f'about <a class="ops-link" href="{page_of(row)}"',
        )
        wanted = (is_hidden, not is_hidden and hidden is not OperatorAction)
        assert (number in workflow, link in workflow) == wanted
    if hidden is not Run:
        page = text_of(client, page_of(blocked))
        assert ("How to check You may not see outside effects." in page) == (hidden is Mutation)
        assert ("You may not see evidence." in page) == (hidden is Evidence)
        held = text_of(client, page_of(play.workflow)).split("Held lanes")[1]
        assert ("you may not see evidence" in held) == (hidden is Evidence)
        ended = text_of(client, page_of(done))
        assert ("Done, without it: a person skipped it." in ended) == (hidden is OperatorAction)
        assert ("olga skipped it" in ended) == (hidden not in (OperatorAction, Mutation))


def test_why_a_decision_is_not_offered(
    scene: Callable[..., Any], operator: Client, viewer: Client
) -> None:
    play = scene(mutator=type("Away", (Away,), {"outcomes": ["timeout"], "calls": [], "effects": [], "reconciliations": []}))  # fmt: skip
    asked = play.happens(payload={"to": "ACME"}, days=0)
    still = "not offered, the outside system is still being asked; with Decide now that ends, and you decide."
    for label in ("It happened", "It didn't happen", "Skip"):
        assert f" {label} : {still}" in text_of(operator, page_of(asked))
    owed = {"failure_kind": "logic", "owes_retry": True, "ended_at": NOON}
    run = Rows("other").run("failed", **owed)
    no_event = "Skip event : not offered, it is about no pending event."
    no_permission = "Retry now : not offered, you don't have the permission for it."
    for client, wanted in ((operator, (True, False)), (viewer, (True, True))):
        text = text_of(client, page_of(run))
        assert (no_event in text, no_permission in text) == wanted
    retry = Rows("third").run("failed", **owed)
    Run.objects.filter(pk=retry.pk).update(retry_of=run)
    assert f"run {run.pk} (no title yet) → run {retry.pk} (this one)" in text_of(
        viewer, page_of(retry)
    )


def test_of_a_failure_with_a_date_one_looks_whether_its_cause_is_gone(
    scene: Callable[..., Any], viewer: Client
) -> None:
    play = scene("refused")
    play.mutator.verification_url = lambda self, params: "https://bank.example/"
    run = play.happens(days=0)
    told = "Look there whether the cause is gone before you retry it."
    assert told in text_of(viewer, page_of(run))
    Run.objects.filter(pk=run.pk).update(owes_retry=False, retry_due_at=None)
    assert "Where to look" not in text_of(viewer, page_of(run))


def test_of_several_lanes_one_that_is_held_is_one(viewer: Client) -> None:
    rows = Rows()
    rows.mutation(rows.run("blocked", lane="ACME"), "indeterminate")
    rows.event(lane="Initech")
    assert "Pay blocked 1 of 2 lanes is held, the first for" in text_of(viewer, HOME)


def test_who_has_no_mail_and_what_nobody_did_is_said(
    viewer: Client, viewer_user: User, settings: Any
) -> None:
    settings.WORKFLOWS = {"alerts": {"base_url": BASE_URL}}
    change = AccountChange.objects.filter(about="viktor").latest("pk")
    assert "By no person: a command, or code" in text_of(viewer, page_of(change)).replace(
        ": no", " no"
    )
    AlertChoice.objects.create(person=viewer_user)
    AlertChoice.objects.create(person=viewer_user, channel="gone")
    text = text_of(viewer, list_of(AlertChoice))
    assert "All workflows your account has no e-mail: nowhere " in text
    assert "All workflows gone: there is no such channel any more " in text
    viewer_user.groups.clear()
    # That the oldest event waits is all that they may be told of.
    may = Permission.objects.filter(codename__in=["view_event", "view_workflow"])
    viewer_user.user_permissions.set(may)
    AlertChoice.objects.update(oldest_pending=False)
    assert text_of(viewer, list_of(AlertChoice)).count("nothing that you may see") == 2
