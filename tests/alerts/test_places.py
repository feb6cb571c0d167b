"""Where messages go, and what becomes of those that do not arrive: by servers that are real."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import apprise
import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import F
from django.test import Client
from pytest_django import Settings

from tests.admin.addresses import HOME, list_of, page_of, text_of
from tests.alerts.conftest import (
    BASE_URL,
    Alerting,
    Mailbox,
    address_of,
    tell,
    texts,
    time_passes,
)
from tests.connectors.server import Outside, unused_port
from tests.doctor.planting import found_by
from tests.eventually import eventually
from workflows_app.alerts.looking import look
from workflows_app.alerts.sending import Post
from workflows_app.models import (
    Alert,
    AlertChoice,
)
from workflows_app.models.clocks import database_now

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_route_has_its_channels_and_the_rest_the_default(
    scene: Callable[..., Any], webhook: Outside, another_webhook: Outside, alerting: Alerting
) -> None:
    alerting(
        {"money": webhook, "rest": another_webhook}, routes={"pay*": ["money"]}, default=["rest"]
    )
    scene("lost", slug="pay-ours").happens()
    scene("lost", slug="send").happens()
    tell()
    links = [text.count("/change/") for _, text in texts(webhook) + texts(another_webhook)]
    assert links == [1, 1]
    assert list(Alert.objects.order_by("channel").values_list("channel", "workflow__slug")) == [
        ("money", "pay-ours"),
        ("rest", "send"),
    ]


def test_people_are_told_of_what_they_chose_and_may_see(
    scene: Callable[..., Any],
    mailbox: Mailbox,
    webhook: Outside,
    alerting: Alerting,
    viewer_user: User,
    operator_user: User,
) -> None:
    alerting({"team": webhook}, default=[])
    User.objects.filter(pk=viewer_user.pk).update(email="viktor@example.com")
    AlertChoice.objects.create(person=viewer_user, failed=False)
    failed = scene("rejected", slug="fails").happens()
    run = scene("lost").happens()
    # A channel that several chose is told of what any of them wants.
    AlertChoice.objects.create(person=viewer_user, channel="team", failed=False)
    fails = {"channel": "team", "workflow": failed.workflow}
    AlertChoice.objects.create(person=operator_user, **fails)
    AlertChoice.objects.create(person=viewer_user, **fails, failed=False)
    # Nobody is told who can't log in here, or has no address.
    for name, account in (
        ("left", {"is_active": False, "email": "left@example.com"}),
        ("shop", {"is_staff": False, "email": "shop@example.com"}),
        ("nomail", {}),
    ):
        may = {"is_staff": True, "is_superuser": True}
        other = User.objects.create_user(name, **{**may, **account})
        AlertChoice.objects.create(person=other)
    AlertChoice.objects.create(person=other, **fails, failed=False)
    AlertChoice.objects.create(person=operator_user, channel="no longer in the settings")
    look(now=database_now())
    # What waits longest is sent first.
    Alert.objects.filter(workflow=run.workflow).update(next_attempt_at=LONG_AGO)

    tell()

    assert [subject.partition(",")[0] for subject, _ in texts(webhook)] == [
        "Pay the invoices: 1 run waits for you",
        "Pay the invoices: 1 failed run waits for a person or a new version",
    ]

    (mail,) = mailbox.mails
    assert (mail["To"], mail["Subject"]) == (
        "viktor@example.com",
        "Pay the invoices: 1 run waits for you, for less than a minute",
    )
    assert mail.get_content_type() == "text/plain"
    assert f"{BASE_URL}/admin/workflows_app/run/{run.pk}/change/" in mail.get_content()

    # Who may not see outside effects any more is not told of them.
    viewer_user.groups.clear()
    viewer_user.user_permissions.add(Permission.objects.get(codename="view_run"))
    time_passes(hours=1)
    tell()
    assert len(mailbox.mails) == 1


def test_a_mail_comes_in_the_language_in_which_its_person_last_chose(
    scene: Callable[..., Any],
    mailbox: Mailbox,
    webhook: Outside,
    alerting: Alerting,
    viewer: Client,
    viewer_user: User,
) -> None:
    alerting({"team": webhook}, repeat_seconds=60)
    User.objects.filter(pk=viewer_user.pk).update(email="viktor@example.com")
    play = scene("lost")
    first, _newer = (
        AlertChoice.objects.create(person=viewer_user, workflow=workflow, language="en-gb")
        for workflow in (None, play.workflow)
    )
    german = {"accept-language": "de"}
    for address, channel in ((page_of(first), ""), (f"{list_of(AlertChoice)}add/", "team")):
        chosen = {"blocked": "on", "workflow": "", "channel": channel}
        viewer.post(address, chosen, headers=german)
    viewer.post(f"{list_of(AlertChoice)}try/")
    play.happens()
    tell()
    # The site no longer speaks it.
    AlertChoice.objects.update(language="fr")
    time_passes(minutes=2)
    tell()

    assert [mail["Subject"].partition(":")[0] for mail in mailbox.mails] == [
        "Eine Testnachricht der Workflow-Konsole",
        "Pay the invoices",
        "Pay the invoices",
    ]
    assert [mail["Subject"].partition(",")[0] for mail in mailbox.mails][1:] == [
        "Pay the invoices: 1 Lauf wartet auf Sie",
        "Pay the invoices: 1 run waits for you",
    ]
    assert {subject.partition(",")[0] for subject, _ in texts(webhook)} == {
        "A test message of the workflow console",
        "Pay the invoices: 1 run waits for you",
    }


@pytest.mark.parametrize("address", ["viktor@example.com", "viktor@example..com", "v@" + "ü" * 64])
def test_an_address_that_the_mail_server_does_not_take_holds_up_no_other_and_is_told_whose_it_is(
    scene: Callable[..., Any],
    mailbox: Mailbox,
    alerting: Alerting,
    viewer: Client,
    viewer_user: User,
    operator_user: User,
    address: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    alerting()
    mailbox.refused = ["viktor@example.com"]
    for person, mail in ((viewer_user, address), (operator_user, "olga@example.com")):
        User.objects.filter(pk=person.pk).update(email=mail)
        AlertChoice.objects.create(person=person)
    scene("lost").happens()
    caplog.clear()

    tell()

    assert [mail["To"] for mail in mailbox.mails] == ["olga@example.com"]
    assert sorted(line for line in caplog.messages if line.startswith("alert.")) == [
        "alert.not_sent channel=e-mail workflow=pay attempt=1 problem=the mail server does not take the address",
        "alert.sent channel=e-mail workflow=pay",
    ]
    told = " 1 message waits since "
    assert f"the e-mail of viktor{told}" in text_of(viewer, HOME)
    assert "the mail server does not take the address" in text_of(viewer, HOME)
    assert found_by("D911")[0].startswith("None: channel the e-mail of viktor did not take 1 that")
    # Whose it is learns who may see what was sent to whom.
    viewer_user.groups.clear()
    may = Permission.objects.filter(codename__in=["view_run", "view_mutation"])
    viewer_user.user_permissions.add(*may)
    assert f"the e-mail of somebody{told}" in text_of(viewer, HOME)


def test_a_mail_server_that_is_away_is_tried_once(
    scene: Callable[..., Any],
    mailbox: Mailbox,
    alerting: Alerting,
    settings: Settings,
    viewer_user: User,
    operator_user: User,
) -> None:
    alerting()
    for person in (viewer_user, operator_user):
        User.objects.filter(pk=person.pk).update(email=f"{person.username}@example.com")
        AlertChoice.objects.create(person=person)
    settings.EMAIL_PORT = unused_port()
    scene("lost").happens()

    tell()

    assert sorted(Alert.objects.values_list("attempts", flat=True)) == [0, 1]


def test_a_channel_may_be_a_mail_server_of_its_own(
    scene: Callable[..., Any], mailbox: Mailbox, settings: Settings
) -> None:
    address = f"mailto://127.0.0.1:{settings.EMAIL_PORT}?from=host@x.org&to=ops@x.org&mode=insecure"
    alerts = {"base_url": BASE_URL, "channels": {"mail": address}, "default": ["mail"]}
    settings.WORKFLOWS = {"alerts": alerts}
    scene("lost").happens("<b>42</b>")
    tell()
    (mail,) = mailbox.mails
    assert (mail["To"], mail.get_content_type()) == ("ops@x.org", "text/plain")
    assert "- Pay invoice <b>42</b>: https://" in mail.get_content()


def test_a_channel_that_hangs_holds_up_no_other_and_is_told_on_the_console(
    scene: Callable[..., Any],
    webhook: Outside,
    another_webhook: Outside,
    alerting: Alerting,
    viewer: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    alerting({"hangs": webhook, "works": another_webhook}, send_seconds=0.5)
    webhook.gate.clear()
    assert found_by("D911") == []
    scene("lost").happens()
    post = Post()

    tell(post)

    assert len(another_webhook.received) == 1
    assert "hangs 1 message waits since" in text_of(viewer, HOME)
    assert "there was no answer in 0.5 s" in text_of(viewer, HOME)
    ((found),) = found_by("D911")
    assert found.startswith("None: channel hangs did not take 1 that wait since")
    # While the call is not back, nothing more is sent there from here.
    time_passes(hours=1)
    tell(post)
    assert len(webhook.received) == 1

    webhook.gate.set()
    for call in post._calls.values():
        call.join()
    tell(post)
    assert len(webhook.received) == 2
    assert "hangs" not in text_of(viewer, HOME)
    assert found_by("D911") == []
    assert "s3cret" not in caplog.text


def test_an_address_that_refuses_is_tried_again_later_and_says_which_status(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting
) -> None:
    alerting({"hook": webhook})
    webhook.answers(302, Location=webhook.address + "/elsewhere")
    scene("lost").happens()
    tell()
    tell()
    alert = Alert.objects.get()
    assert (alert.status, alert.attempts, alert.problem) == ("waiting", 1, "it answered 302")
    assert alert.next_attempt_at > alert.created_at + timedelta(seconds=5)
    webhook.answers(204)
    time_passes(hours=1)
    tell()
    # It is told again so long after it arrived, and not after it was made.
    tell()
    assert [each.path for each in webhook.received] == ["/s3cret", "/s3cret"]
    assert Alert.objects.get().status == "sent"


def test_two_workers_send_a_message_once_and_a_dead_one_s_again(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting
) -> None:
    alerting({"hook": webhook}, send_seconds=60, gather_seconds=600)
    scene("lost").happens()
    webhook.gate.clear()
    assert [look(now=database_now()), look(now=database_now())] == [1, 0]
    senders = Post().send_due()
    eventually(lambda: len(webhook.received), 1)
    claimed_until = Alert.objects.get().claimed_until
    assert claimed_until is not None
    # For as long as a channel may take, and a little more.
    assert timedelta(0) < claimed_until - database_now() <= timedelta(seconds=90)
    senders += Post().send_due()
    webhook.gate.set()
    for thread in senders:
        thread.join()
    assert len(webhook.received) == 1

    Alert.objects.update(status="waiting", claimed_until=LONG_AGO, ended_at=None)
    tell()
    assert len(webhook.received) == 2

    # Of one that another worker has taken over, the slow one writes nothing any more.
    Alert.objects.update(status="waiting", claimed_until=LONG_AGO, ended_at=None)
    webhook.gate.clear()
    webhook.answers(500)
    senders = Post().send_due()
    eventually(lambda: len(webhook.received), 3)
    Alert.objects.update(attempts=F("attempts") + 1)
    webhook.gate.set()
    for thread in senders:
        thread.join()
    alert = Alert.objects.get()
    assert (alert.problem, alert.claimed_until is None) == ("", False)


def test_a_message_that_nobody_sends_is_found_by_doctor(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting
) -> None:
    alerting({"hook": webhook})
    run = scene("lost").happens()
    look(now=database_now())
    Alert.objects.update(next_attempt_at=LONG_AGO)
    alert = Alert.objects.get()
    quarter = LONG_AGO + timedelta(minutes=15)
    assert found_by("D912", now=quarter) == []
    assert len(found_by("D912", now=quarter + timedelta(seconds=1))) == 1
    # Whoever had claimed it has had the time to send it; who has claimed it just now may still do so.
    for claimed_until, is_found in (
        (None, True),
        (LONG_AGO, True),
        (database_now() + timedelta(hours=1), False),
    ):
        Alert.objects.update(claimed_until=claimed_until)
        assert found_by("D912") == is_found * [
            f"{run.workflow.slug}: alert {alert.pk} is to be sent since 2026-01-02 03:04:05+00, and no"
            " worker has tried since"
        ]


def test_without_an_address_of_the_console_nobody_is_told(
    scene: Callable[..., Any], viewer_user: User
) -> None:
    AlertChoice.objects.create(person=viewer_user)
    scene("lost").happens()
    tell()
    assert not Alert.objects.exists()


def test_the_address_of_a_channel_is_not_kept(
    scene: Callable[..., Any],
    webhook: Outside,
    alerting: Alerting,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    alerting({"hook": webhook})
    webhook.answers(500)
    scene("lost").happens()
    tell()
    row = Alert.objects.values().get()
    assert address_of(webhook).split("//")[1].split("/")[0] not in str(row)
    assert "s3cret" not in str(row)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"can't send to {address_of(webhook)}")

    monkeypatch.setattr(apprise.Apprise, "notify", fail)
    Alert.objects.update(next_attempt_at=LONG_AGO)
    tell()
    assert Alert.objects.get().problem == "sending failed: RuntimeError"
    assert "s3cret" not in caplog.text
