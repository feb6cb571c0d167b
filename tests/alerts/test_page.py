"""Alerts for me: each person's own, and no more than they may see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.addresses import list_of, page_of, text_of, text_of_answer
from tests.alerts.conftest import Alerting
from tests.conftest import logged_in
from tests.connectors.server import Outside
from workflows_app.models import AlertChoice

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
