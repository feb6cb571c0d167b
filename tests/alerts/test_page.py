"""Alerts for me: each person's own, and no more than they may see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.addresses import HOME, list_of, page_of, text_of, text_of_answer
from tests.admin.rows import add_alert
from tests.alerts.conftest import Alerting
from tests.conftest import logged_in
from tests.connectors.server import Outside
from tests.models.rows import NOON
from workflows_app.models import Alert, AlertChoice
from workflows_app.models.clocks import database_now

pytestmark = pytest.mark.django_db

ADD = "/admin/workflows_app/alertchoice/add/"


def chosen() -> list[tuple[str, str | None, str, bool, bool]]:
    fields = ("person__username", "workflow__slug", "channel", "blocked", "failed")
    return list(AlertChoice.objects.order_by("pk").values_list(*fields))


def test_a_person_chooses_changes_and_gives_up(
    scene: Callable[..., Any],
    viewer: Client,
    viewer_user: User,
    operator: Client,
    alerting: Alerting,
    webhook: Outside,
) -> None:
    alerting({"team": webhook})
    User.objects.filter(pk=viewer_user.pk).update(email="viktor@example.com")
    workflow = scene("applied").workflow
    page = viewer.get(ADD).content.decode()
    assert "My e-mail: viktor@example.com" in page
    assert "Channel: team" in page
    assert webhook.address.split("//")[1] not in page

    viewer.post(ADD, {"workflow": workflow.pk, "blocked": "on", "channel": "team"})
    viewer.post(ADD, {"workflow": "", "failed": "on", "channel": ""})
    assert chosen() == [
        ("viktor", "pay", "team", True, False),
        ("viktor", None, "", False, True),
    ]
    text = text_of(viewer, list_of(AlertChoice))
    assert "again every 30 minutes until somebody takes or settles what waits" in text
    assert "Pay the invoices team an unknown outcome waits for a decision" in text

    # Others neither see nor change it.
    first = AlertChoice.objects.order_by("pk")[0]
    assert "team" not in text_of(operator, list_of(AlertChoice)).replace("your team", "")
    assert operator.get(page_of(first)).status_code == 302
    operator.post(page_of(first, "delete"), {"post": "yes"})
    assert len(chosen()) == 2
    viewer.post(page_of(first), {"workflow": "", "failed": "on", "channel": "team"})
    assert chosen()[0] == ("viktor", None, "team", False, True)
    viewer.post(page_of(first), {"workflow": "", "blocked": "on", "channel": "team"})
    assert chosen()[0] == ("viktor", None, "team", True, False)
    viewer.post(page_of(first, "delete"), {"post": "yes"})
    assert [row[2] for row in chosen()] == [""]


def test_what_can_t_be_chosen_is_said(
    viewer: Client, viewer_user: User, alerting: Alerting, webhook: Outside
) -> None:
    alerting({"team": webhook})
    for sent, problem in [
        ({"blocked": "on", "channel": ""}, "Your account has no e-mail."),
        ({"channel": "team"}, "Tick at least one thing to be told of."),
        ({"blocked": "on", "channel": "json://x"}, "Select a valid choice."),
    ]:
        assert problem in text_of_answer(viewer.post(ADD, sent))
    AlertChoice.objects.create(person=viewer_user, channel="team")
    again = viewer.post(ADD, {"blocked": "on", "channel": "team"})
    assert "You have chosen this workflow and place already: change that one." in text_of_answer(
        again
    )
    assert len(chosen()) == 1


def test_when_a_message_is_tried_again_is_told_while_it_waits(
    scene: Callable[..., Any], viewer: Client
) -> None:
    workflow = scene("applied").workflow
    for status in ("waiting", "sent", "dropped"):
        ended_at = None if status == "waiting" else database_now()
        alert = add_alert(workflow, channel=status, status=status, ended_at=ended_at)
        text = text_of(viewer, page_of(alert))
        assert ("Next attempt at" in text) == (status == "waiting"), status


def test_of_messages_that_do_not_get_through_the_oldest_tells_since_when(
    scene: Callable[..., Any], viewer: Client
) -> None:
    for number, slug in enumerate(("a", "b")):
        alert = add_alert(
            scene("applied", slug=slug).workflow, attempts=1, problem="it answered 500"
        )
        Alert.objects.filter(pk=alert.pk).update(created_at=NOON + timedelta(hours=number))
    waits = "team 2 messages wait since 2026-01-01 12:00:00 UTC: it answered 500"
    assert waits in text_of(viewer, HOME)


def test_kinds_that_a_person_may_not_see_are_not_offered(db: None) -> None:
    person = User.objects.create_user("rita", is_staff=True, email="rita@example.com")
    client = logged_in(person)
    assert client.get(ADD).status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_run"))
    page = client.get(ADD).content.decode()
    assert ('name="failed"' in page, 'name="blocked"' in page) == (True, False)
    assert "Nobody is told anything yet" in text_of(client, list_of(AlertChoice))
    client.post(ADD, {"failed": "on", "blocked": "on", "channel": ""})
    assert "a failed run waits for a person" in text_of(client, list_of(AlertChoice))
    assert "unknown outcome" not in text_of(client, list_of(AlertChoice))
    # That an event waits is told with a link to the page of its workflow.
    person.user_permissions.add(Permission.objects.get(codename="view_event"))
    assert 'name="oldest_pending"' not in client.get(ADD).content.decode()
    person.user_permissions.add(Permission.objects.get(codename="view_workflow"))
    assert 'name="oldest_pending"' in client.get(ADD).content.decode()
