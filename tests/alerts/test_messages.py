"""Who is told of what, when, and in which words: by servers that are real."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone, translation
from pytest_django import Settings

from tests.admin.addresses import HOME, list_of, text_of
from tests.alerts.conftest import (
    BASE_URL,
    Alerting,
    Mailbox,
    address_of,
    tell,
    texts,
    time_passes,
)
from tests.connectors.server import Outside
from tests.doctor.planting import found_by
from tests.eventually import eventually
from workflows_app.alerts.looking import look
from workflows_app.alerts.sending import Post
from workflows_app.alerts.trying import claimed
from workflows_app.models import (
    Alert,
    AlertChoice,
    Breaker,
    Event,
    Handler,
    OperatorAction,
    Run,
    Workflow,
)
from workflows_app.models.clocks import database_now
from workflows_app.operations import it_didnt_happen, pause_workflow, skip_run

pytestmark = pytest.mark.django_db(transaction=True)

LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = {"iban": "DE00-SECRET", "amount": "12.50"}


def take(run: Run, person: User) -> None:
    """Let `person` say that they look into a run."""
    OperatorAction.objects.create(
        operation="take_run", actor=person, actor_name="olga", reason="-", workflow=run.workflow, run=run
    )  # fmt: skip


def test_a_blocked_run_is_told_in_plain_words_with_links_and_no_parameters(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting
) -> None:
    alerting({"hook": webhook})
    run = scene("lost").happens("42", payload=SECRET)

    tell()

    ((subject, body),) = texts(webhook)
    assert subject == ("Pay the invoices: 1 run waits for you, for less than a minute")
    assert body == (
        "Workflow “Pay the invoices” needs a person.\n\n"
        "1 run waits for you: nobody knows whether its outside effect happened. It has been so for less"
        " than a minute.\n"
        "Look in the outside system, and say what you saw. If you are not sure, do nothing yet.\n"
        f"- Pay invoice 42: {BASE_URL}/admin/workflows_app/run/{run.pk}/change/\n\n"
        f"All that waits: {BASE_URL}/admin/\n\n"
        "This is told again every 30 minutes until somebody takes or settles it. Whom it goes to: the"
        f" settings, and {BASE_URL}/admin/workflows_app/alertchoice/"
    )
    assert Alert.objects.get().status == "sent"


def test_a_title_is_told_without_the_secret_values_of_its_run(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting
) -> None:
    alerting({"hook": webhook})
    scene("lost").happens("4711", payload={"iban": "4711"})
    Workflow.objects.update(secret_names=["iban"])

    tell()

    ((_, body),) = texts(webhook)
    assert "- Pay invoice ••••: " in body
    assert "4711" not in body


def test_many_are_one_message_a_minute_and_nothing_comes_when_all_is_settled(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook})
    first = scene("lost").happens("1")
    tell()
    for number in range(21):
        another_like(first, number)

    tell()
    assert len(webhook.received) == 1

    time_passes(seconds=61)
    tell()
    tell()
    assert [subject for subject, _ in texts(webhook)][1:] == [
        "Pay the invoices: 22 runs wait for you, for less than a minute"
    ]
    assert "- and 17 more" in texts(webhook)[1][1]

    Run.objects.update(status="committed", phase="committed")
    time_passes(hours=1)
    tell()
    assert len(webhook.received) == 2


def another_like(run: Run, number: int) -> Run:
    return Run.objects.create(
        workflow_id=run.workflow_id, handler=run.handler, version=run.version, lane=f"lane-{number}",
        phase="mutating", status="blocked", title=f"Pay {number}", started_at=timezone.now(),
    )  # fmt: skip


def test_it_is_told_again_until_somebody_takes_it_or_settles_it(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook}, repeat_seconds=600)
    play = scene("lost", "lost")
    run = play.happens(days=9)
    tell()
    time_passes(minutes=11)
    tell()
    assert len(webhook.received) == 2

    take(run, operator_user)
    time_passes(minutes=11)
    tell()
    assert len(webhook.received) == 2

    it_didnt_happen(run, actor=operator_user, reason="it is not in their list")
    play.run_host()
    again = Run.objects.get(retry_of=run, status="blocked")
    tell()
    assert len(webhook.received) == 3

    skip_run(again, actor=operator_user, reason="not needed")
    time_passes(minutes=11)
    tell()
    assert len(webhook.received) == 3


def test_what_settles_before_it_was_sent_is_not_told(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook})
    webhook.answers(503)
    run = scene("lost").happens()
    tell()
    skip_run(run, actor=operator_user, reason="not needed")
    webhook.answers(200)
    time_passes(hours=1)
    tell()
    assert len(webhook.received) == 1
    assert Alert.objects.get().status == "dropped"


def test_each_kind_is_told_the_most_urgent_first(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook}, oldest_pending_seconds={"p*": 60, "*": 99_999})
    play = scene("rejected")
    play.happens("7")
    play.publish("8")
    Event.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    breaker_of(play)

    tell()

    ((subject, body),) = texts(webhook)
    assert subject.startswith("Pay the invoices: 1 consumer sends no new calls, for ")
    told = [part.split(".")[0] for part in body.split("\n\n")[1:-2]]
    assert told == [
        "1 consumer sends no new calls: too many outcomes in a row were unknown",
        "1 failed run waits for a person or a new version",
        "1 event waits for longer than it should",
    ]
    pause_workflow(play.workflow, actor=operator_user, reason="they are closed")
    time_passes(hours=1)
    tell()
    assert "event waits" not in texts(webhook)[1][1]


def test_it_is_told_in_the_language_of_the_project(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, settings: Settings
) -> None:
    settings.LANGUAGE_CODE = "de"
    alerting({"hook": webhook}, repeat_seconds=60)
    run = scene("lost").happens("42")

    with translation.override("en-gb"):
        tell()

    ((subject, body),) = texts(webhook)
    assert subject == "Pay the invoices: 1 Lauf wartet auf Sie, bisher weniger als eine Minute"
    assert (
        "ob seine Außenwirkung geschehen ist. Das ist bisher weniger als eine Minute so.\n" in body
    )
    assert "Diese Nachricht kommt jede Minute wieder, bis jemand" in body
    # What the host wrote down is English, whoever reads it.
    (known,) = set(
        run.mutation.history.filter(status="indeterminate").values_list("history_change_reason")
    )
    assert known[0].startswith("outcome unknown, and the host can't ask: ")


def breaker_of(play: Any) -> None:
    Breaker.objects.create(
        handler=Handler.objects.get(kind="consumer"), status="open", unknowns=5,
        opened_at=timezone.now(), trial_at=timezone.now(),
    )  # fmt: skip


def test_a_late_answer_that_contradicts_is_told(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting, operator_user: User
) -> None:
    alerting({"hook": webhook})
    run = scene("applied").happens()
    run.mutation.evidence.create(kind="late", verdict="not_applied", contradicts=True)
    tell()
    assert [subject for subject, _ in texts(webhook)] == [
        "Pay the invoices: 1 late answer says the opposite of what was decided, for less than a minute"
    ]
    take(run, operator_user)
    time_passes(hours=1)
    tell()
    assert len(webhook.received) == 1


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


def test_a_person_is_told_by_mail_of_what_they_chose_and_may_see(
    scene: Callable[..., Any], mailbox: Mailbox, alerting: Alerting, viewer_user: User
) -> None:
    alerting()
    User.objects.filter(pk=viewer_user.pk).update(email="viktor@example.com")
    AlertChoice.objects.create(person=viewer_user, failed=False)
    scene("rejected", slug="fails").happens()
    run = scene("lost").happens()

    tell()

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


def test_a_test_message_of_a_worker_that_died_is_not_waited_for_without_end(
    viewer: Client, viewer_user: User, alerting: Alerting, webhook: Outside
) -> None:
    alerting({"team": webhook}, default=[], send_seconds=10)
    AlertChoice.objects.create(person=viewer_user, channel="team")
    page = list_of(AlertChoice)
    viewer.post(f"{page}try/")
    assert claimed("team") is not None

    assert "team : it is being sent." in text_of(viewer, page)
    assert 'hx-trigger="every 3s"' in viewer.get(page).content.decode()

    AlertChoice.objects.update(test_sent_at=database_now() - timedelta(seconds=21))
    assert "team : nobody knows whether it arrived" in text_of(viewer, page)
    assert 'hx-trigger="every 3s"' not in viewer.get(page).content.decode()


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
    time_passes(minutes=1)
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

    Alert.objects.update(status="waiting", claimed_until="2026-01-01 00:00Z", ended_at=None)
    tell()
    assert len(webhook.received) == 2


def test_a_message_that_nobody_sends_is_found_by_doctor(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting
) -> None:
    alerting({"hook": webhook})
    run = scene("lost").happens()
    look(now=database_now())
    # A pause between two attempts may take ten minutes.
    Alert.objects.update(next_attempt_at=database_now() - timedelta(minutes=12))
    assert found_by("D912") == []
    Alert.objects.update(next_attempt_at=LONG_AGO)
    alert = Alert.objects.get()
    # Whoever had claimed it has had the time to send it; who has claimed it just now may still do so.
    for claimed_until, is_found in (
        (None, True),
        (LONG_AGO, True),
        (database_now() + timedelta(hours=1), False),
    ):
        Alert.objects.update(claimed_until=claimed_until)
        assert found_by("D912") == is_found * [
            f"{run.workflow.slug}: alert {alert.pk} is to be sent since 2026-01-02 03:04:05+00, and no"
            " worker has tried"
        ]


def test_without_an_address_of_the_console_nobody_is_told(
    scene: Callable[..., Any], viewer_user: User
) -> None:
    AlertChoice.objects.create(person=viewer_user)
    scene("lost").happens()
    tell()
    assert not Alert.objects.exists()


def test_the_address_of_a_channel_is_not_kept(
    scene: Callable[..., Any], webhook: Outside, alerting: Alerting
) -> None:
    alerting({"hook": webhook})
    webhook.answers(500)
    scene("lost").happens()
    tell()
    row = Alert.objects.values().get()
    assert address_of(webhook).split("//")[1].split("/")[0] not in str(row)
    assert "s3cret" not in str(row)
