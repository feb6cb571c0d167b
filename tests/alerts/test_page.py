"""Alerts for me: each person's own, and no more than they may see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.addresses import HOME, list_of, page_of, text_of
from tests.admin.rows import add_alert
from tests.alerts.conftest import Alerting
from tests.conftest import logged_in
from tests.connectors.server import Outside
from tests.models.rows import NOON
from workflows_app.models import Alert, AlertChoice

pytestmark = pytest.mark.django_db

ADD = "/admin/workflows_app/alertchoice/add/"


def test_nobody_sees_or_changes_what_another_chose(
    viewer: Client, viewer_user: User, operator: Client, alerting: Alerting, webhook: Outside
) -> None:
    alerting({"team": webhook})
    assert webhook.address.split("//")[1] not in viewer.get(ADD).content.decode()
    viewer.post(ADD, {"workflow": "", "blocked": "on", "channel": "team"})
    first = AlertChoice.objects.get(person=viewer_user)
    assert "team" not in text_of(operator, list_of(AlertChoice)).replace("your team", "")
    assert operator.get(page_of(first)).status_code == 302
    operator.post(page_of(first), {"workflow": "", "failed": "on", "channel": "team"})
    operator.post(page_of(first, "delete"), {"post": "yes"})
    assert AlertChoice.objects.values_list("blocked", "failed").get() == (True, False)
    viewer.post(page_of(first), {"workflow": "", "failed": "on", "channel": "team"})
    assert AlertChoice.objects.values_list("blocked", "failed").get() == (False, True)
    viewer.post(page_of(first, "delete"), {"post": "yes"})
    assert not AlertChoice.objects.exists()


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
