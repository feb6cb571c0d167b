"""Test messages: what a person is told of each, and how often one may ask."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from tests.admin.addresses import list_of, text_of
from tests.alerts.conftest import BASE_URL, Alerting, Mailbox, tell, texts
from tests.connectors.server import Outside
from workflows_app.alerts.sending import Post
from workflows_app.alerts.trying import claimed, ended
from workflows_app.models import AlertChoice, Workflow
from workflows_app.models.clocks import database_now

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_test_message_tells_whether_it_arrived_at_each_place_of_the_person(
    viewer: Client,
    viewer_user: User,
    operator: Client,
    alerting: Alerting,
    mailbox: Mailbox,
    webhook: Outside,
    another_webhook: Outside,
) -> None:
    alerting({"team": webhook, "away": another_webhook}, default=[])
    another_webhook.answers(500)
    User.objects.filter(pk=viewer_user.pk).update(email="viktor@example.com")
    page, ask = list_of(AlertChoice), f"{list_of(AlertChoice)}try/"
    viewer.post(ask)
    assert "Choose first what you want to be told of" in text_of(viewer, page)
    for channel in ("", "team", "away"):
        AlertChoice.objects.create(person=viewer_user, channel=channel)
    assert viewer.get(ask).status_code == 405

    viewer.post(ask)

    assert text_of(viewer, page).count("it waits for a worker. If this stays so,") == 3
    tell()
    text = text_of(viewer, page)
    assert "My e-mail" not in text
    assert "viktor@example.com : it was delivered." in text
    assert "team : it was delivered." in text
    assert "away : it was not delivered: it answered 500." in text
    assert [mail["To"] for mail in mailbox.mails] == ["viktor@example.com"]
    assert f"{BASE_URL}/admin/workflows_app/alertchoice/" in mailbox.mails[0].get_content()
    assert texts(webhook)[0][0] == "A test message of the workflow console"
    # Not more than one a minute, whoever presses, and nobody else's.
    viewer.post(ask)
    assert "You asked for a test message a moment ago." in text_of(viewer, page)
    operator.post(ask)
    # Whoever deletes what they chose, and chooses it anew, waits as well.
    AlertChoice.objects.all().delete()
    AlertChoice.objects.create(person=viewer_user, channel="team")
    viewer.post(ask)
    tell()
    assert (len(mailbox.mails), len(webhook.received)) == (1, 1)
    # After that as often as they ask: one to each place, however many workflows are told there.
    workflow = Workflow.objects.create(slug="pay", title="Pay")
    AlertChoice.objects.create(person=viewer_user, channel="team", workflow=workflow)
    for received in (2, 3):
        cache.clear()
        viewer.post(ask)
        tell()
        assert len(webhook.received) == received


def test_after_a_test_message_that_hangs_nothing_is_sent_there_until_it_is_back(
    viewer: Client,
    viewer_user: User,
    operator: Client,
    operator_user: User,
    alerting: Alerting,
    webhook: Outside,
) -> None:
    alerting({"team": webhook}, default=[], send_seconds=0.2)
    webhook.gate.clear()
    post = Post()
    for client, person in ((viewer, viewer_user), (operator, operator_user)):
        AlertChoice.objects.create(person=person, channel="team")
        client.post(f"{list_of(AlertChoice)}try/")

    tell(post)
    tell(post)

    assert len(webhook.received) == 1
    assert "team : it waits for a worker." in text_of(operator, list_of(AlertChoice))
    webhook.gate.set()
    for call in post._calls.values():
        call.join()
    tell(post)
    assert "team : it was delivered." in text_of(operator, list_of(AlertChoice))


def test_a_test_message_of_a_worker_that_died_is_not_waited_for_without_end(
    viewer: Client, viewer_user: User, alerting: Alerting, webhook: Outside
) -> None:
    alerting({"team": webhook}, default=[], send_seconds=10)
    AlertChoice.objects.create(person=viewer_user, channel="team")
    page = list_of(AlertChoice)
    viewer.post(f"{page}try/")
    slow = claimed("team")
    assert slow is not None
    # Another one arrived; what comes of this one is not known yet.
    AlertChoice.objects.create(
        person=viewer_user, channel="", test_asked_at=database_now(), test_problem=""
    )

    AlertChoice.objects.update(test_sent_at=database_now() - timedelta(seconds=19))
    assert "team : it is being sent." in text_of(viewer, page)
    assert 'hx-trigger="every 3s"' in viewer.get(page).content.decode()

    AlertChoice.objects.update(test_sent_at=database_now() - timedelta(seconds=21))
    assert "team : nobody knows whether it arrived" in text_of(viewer, page)
    assert 'hx-trigger="every 3s"' not in viewer.get(page).content.decode()

    cache.clear()
    viewer.post(f"{page}try/")
    ended(slow, "it answered 500")
    assert "team : it waits for a worker." in text_of(viewer, page), "it was asked for anew"
