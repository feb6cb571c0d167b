"""What people are told: each message whole, in English and German, and when one is due."""

from __future__ import annotations

import json
import smtplib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import translation
from pytest_django import Settings
from syrupy.assertion import SnapshotAssertion

from tests.alerts.conftest import address_of
from tests.connectors.server import Outside
from tests.texts.stage import AFTERWARDS, Stage
from workflows_app.alerts import channels, wording
from workflows_app.alerts.facts import Fact, open_facts
from workflows_app.alerts.looking import is_due
from workflows_app.alerts.settings import AlertSettings
from workflows_app.alerts.trying import sender_of
from workflows_app.models import Alert, AlertChoice, Workflow

LIMITS = AlertSettings(
    base_url="https://ops.example.com/console/",
    oldest_pending_seconds={"refunds": 3600, "*": 7200, "letters": 60},
)
LANGUAGES = ("en-gb", "de")


def ago(**past: float) -> datetime:
    return AFTERWARDS - timedelta(**past)


def facts(stage: Stage) -> dict[str, list[Fact]]:
    """Return what messages may be about."""
    golf = stage.run_of("I-201").pk
    runs = [stage.run_of(number).pk for number in ("I-201", "I-211", "I-103")]

    def of(kind: str, number: int, **past: float) -> list[Fact]:
        return [
            Fact(kind, f"{kind} {at}", ago(**past), f"Pay {kind} {at}", ("run", runs[at % 3] + at))
            for at in range(number)
        ]

    of_breaker = [Fact("breaker", "b", ago(hours=5), "PayInvoices", ("breaker", 81))]
    oldest = [Fact("oldest_pending", "o", ago(days=2), "", ("workflow", 11))]
    return {
        "one contradiction": of("contradiction", 1, seconds=59),
        "two contradictions": of("contradiction", 2, seconds=60),
        "one breaker": of_breaker,
        "two breakers": [*of_breaker, Fact("breaker", "c", ago(hours=6), "Other", ("breaker", 82))],
        "one blocked": [Fact("blocked", "1", ago(minutes=1), "Pay I-201", ("run", golf))],
        "a secret in a title": [
            Fact("blocked", "1", ago(minutes=119), "DE00GOLF201", ("run", golf))
        ],
        "five blocked": of("blocked", 5, minutes=120),
        "six blocked": of("blocked", 6, hours=49),
        "seven blocked": of("blocked", 7, days=8),
        "one failed": of("failed", 1, days=40),
        "two failed": of("failed", 2, days=400),
        "no title": [Fact("failed", "1", ago(hours=1), "", ("run", 1)), *of("failed", 1, hours=2)],
        "a long title": [Fact("failed", "1", ago(hours=1), "x" * 121 + "\x1b", ("run", 1))],
        "the oldest": oldest,
        "all": [
            *(*oldest, *of("failed", 1, days=1), *of("blocked", 2, hours=1), *of_breaker),
            *of("contradiction", 1, minutes=2),
        ],
    }


@pytest.mark.django_db
def test_each_message_in_each_language(stage: Stage, kept: SnapshotAssertion) -> None:
    workflow = Workflow.objects.get(slug="invoices")
    each = facts(stage)
    for language in LANGUAGES:
        told = []
        with translation.override(language):
            for name, of_it in each.items():
                subject = wording.subject_of(workflow, of_it, now=AFTERWARDS)
                body = wording.body_of(workflow, of_it, limits=LIMITS, now=AFTERWARDS)
                told.append(f"== {name}\n{subject}\n\n{body}")
            for seconds in (60, 90, 3600):
                limits = AlertSettings(base_url="https://x", repeat_seconds=seconds)
                body = wording.body_of(workflow, each["one breaker"], limits=limits, now=AFTERWARDS)
                told.append(f"== again after {seconds} s\n{body.splitlines()[-1]}\n")
        assert "\n".join(told) == kept(name=language)


#: When the oldest pending event of invoices, and of refunds, has waited for too long.
JUST_BEFORE_AND_AFTER = [
    datetime(2026, 2, day, hour, minute, second, tzinfo=UTC)
    for day, hour, minute, seconds in ((27, 15, 26, (31, 32)), (28, 3, 29, (30, 31)))
    for second in seconds
]


@pytest.mark.django_db
def test_what_is_found_to_tell_of(stage: Stage, kept: SnapshotAssertion) -> None:
    slugs = dict(Workflow.objects.values_list("pk", "slug"))
    told = []
    for now in (*JUST_BEFORE_AND_AFTER, AFTERWARDS):
        found = open_facts(LIMITS, now=now)
        told += [
            f"# {now:%d %B %H:%M:%S}",
            *(
                f"{slugs[workflow]}: {fact.kind} {fact.title or '(no title)'}, {fact.page[0]}"
                f" {fact.page[1]}, since {fact.since:%d %B %H:%M:%S}, key {fact.key}"
                for workflow, of_it in sorted(found.items())
                for fact in of_it
            ),
        ]
    only = open_facts(LIMITS, now=AFTERWARDS, workflow_id=12)
    told.append(f"of refunds alone: {[fact.title for each in only.values() for fact in each]}")
    assert "\n".join(told) + "\n" == kept(name="facts")


_SELDOM = AlertSettings(gather_seconds=1800, repeat_seconds=600)
DUE: list[tuple[str, list[str], dict[str, Any] | None]] = [
    ("nothing was told", ["a"], None),
    ("nothing is there", [], None),
    ("it waits to be sent", ["a"], {"status": "waiting", "facts": ["a"], "seconds": 9999}),
    *(
        (f"{name} {seconds} s ago", keys, {"status": status, "facts": ["a"], "seconds": seconds})
        for status in ("sent", "dropped")
        for name, keys in (
            (f"the same was {status}", ["a"]),
            (f"something else, too, was {status}", ["b"]),
            (f"less was {status}", ["a", "b"]),
        )
        for seconds in (59, 60, 1799, 1800)
    ),
    *(
        (
            f"the same was sent {seconds} s ago, and is sent again after 600 s, but one in 1800 s",
            ["a"],
            {"status": "sent", "facts": ["a"], "seconds": seconds, "limits": _SELDOM},
        )
        for seconds in (1799, 1800)
    ),
]


def test_when_a_message_is_due(kept: SnapshotAssertion) -> None:
    lines = []
    for name, keys, last in DUE:
        of_it = [Fact("blocked", key, AFTERWARDS, "", ("run", 1)) for key in keys]
        before, limits = None, AlertSettings()
        if last is not None:
            limits = last.get("limits", limits)
            ended_at = ago(seconds=last["seconds"])
            before = Alert(status=last["status"], facts=last["facts"], ended_at=ended_at)
            before.created_at = ago(days=9)
        due = is_due(of_it, before, limits, AFTERWARDS)
        lines.append(f"{'due    ' if due else 'not due'} {name}")
    assert "\n".join(lines) + "\n" == kept(name="due")


def test_what_a_channel_gets_and_what_is_said_if_it_takes_nothing(kept: SnapshotAssertion) -> None:
    webhook = Outside()
    said = []
    try:
        channels.send_to_channel(
            address_of(webhook), subject="A subject", body="A body\n\n- <b>a</b>\n"
        )
        (taken,) = webhook.received
        said.append(f"{taken.method} {taken.path}\n{json.dumps(taken.json, indent=1)}")
        for status in (302, 404, 500):
            webhook.answers(status)
            with pytest.raises(channels.NotDelivered) as refused:
                channels.send_to_channel(address_of(webhook), subject="s", body="b")
            said.append(f"{status}: {refused.value}")
    finally:
        webhook.close()
    for address in (address_of(webhook), "slack://s3cret"):
        with pytest.raises(channels.NotDelivered) as refused:
            channels.send_to_channel(address, subject="s", body="b")
        said.append(f"{address.partition(':')[0]}: {refused.value}")
    assert "\n".join(said) + "\n" == kept(name="channel")


class Broken(BaseEmailBackend):
    """A mail server that fails as the subject says."""

    def send_messages(self, messages: Any) -> int:
        errors: dict[str, Exception] = {
            "refused": smtplib.SMTPRecipientsRefused({}),
            "disconnected": smtplib.SMTPServerDisconnected("s3cret"),
            "authentication": smtplib.SMTPAuthenticationError(535, b"s3cret"),
            "away": ConnectionRefusedError("s3cret"),
            "slow": TimeoutError("s3cret"),
            "wrong": ValueError("s3cret"),
        }
        raise errors[messages[0].subject]


def test_what_a_person_gets_and_what_is_said_if_it_does_not_arrive(
    kept: SnapshotAssertion, settings: Settings
) -> None:
    settings.DEFAULT_FROM_EMAIL = "ops@example.com"
    channels.send_to_person("olga@example.com", subject="A subject", body="A body\n")
    (sent,) = mail.outbox
    headers = {
        name: value for name, value in sent.message().items() if name not in ("Date", "Message-ID")
    }
    said = [
        json.dumps(headers, indent=1),
        repr(sent.body),
        f"alternatives: {getattr(sent, 'alternatives', [])}",
    ]
    settings.EMAIL_BACKEND = f"{__name__}.Broken"
    tries = [
        *(
            (name, "olga@example.com")
            for name in ("refused", "disconnected", "authentication", "away", "slow")
        ),
        ("wrong", "olga@example..com"),
        ("wrong", "v@" + "ü" * 64),
    ]
    for name, address in tries:
        with pytest.raises(channels.NotDelivered) as refused:
            channels.send_to_person(address, subject=name, body="b")
        said.append(f"{name}: {refused.value}")
    with pytest.raises(ValueError, match="s3cret"):
        channels.send_to_person("olga@example.com", subject="wrong", body="b")
    assert "\n".join(said) + "\n" == kept(name="person")


@pytest.mark.django_db
def test_what_a_test_message_says(stage: Stage, kept: SnapshotAssertion) -> None:
    said = []
    for language in LANGUAGES:
        stage.olga.email = "olga@example.com"
        mail.outbox.clear()
        choice = AlertChoice.objects.create(person=stage.olga, language=language)
        choice.person = stage.olga
        sender_of(choice, LIMITS)()
        (sent,) = mail.outbox
        said.append(f"{sent.to} {sent.subject}\n\n{sent.body}")
        choice.delete()
    stage.olga.email = ""
    for channel in ("", "gone"):
        choice = AlertChoice(person=stage.olga, channel=channel)
        with pytest.raises(channels.NotDelivered) as refused:
            sender_of(choice, LIMITS)()
        said.append(f"{channel or 'e-mail'}: {refused.value}\n")
    assert "\n".join(said) == kept(name="test message")
