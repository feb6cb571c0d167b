"""Where messages arrive: a web server, and a mail server, that are real."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db.models import F
from pytest_django import Settings

from tests.connectors.server import Outside, unused_port
from workflows_app.alerts.channels import problem_of
from workflows_app.alerts.looking import look
from workflows_app.alerts.sending import Post
from workflows_app.models import Alert
from workflows_app.models.clocks import database_now

BASE_URL = "https://ops.example.com/console"


class Mailbox:
    """What the mail server took. It takes nothing for the addresses in `refused`."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refused: list[str] = []

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        made: Any = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append(made)
        return "250 OK"


@pytest.fixture
def mailbox(settings: Settings) -> Iterator[Mailbox]:
    """The mail server of the project."""
    mailbox = Mailbox()
    server = Controller(mailbox, hostname="127.0.0.1", port=unused_port())
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield mailbox
    server.stop()


@pytest.fixture
def webhook() -> Iterator[Outside]:
    server = Outside()
    yield server
    server.close()


@pytest.fixture
def another_webhook() -> Iterator[Outside]:
    server = Outside()
    yield server
    server.close()


def address_of(webhook: Outside, token: str = "s3cret") -> str:
    return webhook.address.replace("http://", "json://") + f"/{token}"


Alerting = Callable[..., None]


@pytest.fixture
def alerting(settings: Settings) -> Alerting:
    """`alerting(hook=webhook, default=["hook"])`: alerts with these channels."""

    def configure(channels: dict[str, Outside] | None = None, **others: Any) -> None:
        addresses = {name: address_of(each) for name, each in (channels or {}).items()}
        # The first look at an address loads all of apprise, which takes longer than some deadlines of tests.
        assert not any(map(problem_of, addresses.values()))
        alerts = {"base_url": BASE_URL, "channels": addresses, "default": [*addresses], **others}
        settings.WORKFLOWS = {"alerts": alerts}

    return configure


def tell(post: Post | None = None) -> None:
    """Let one worker look, and wait until it has sent what is due."""
    look(now=database_now())
    for thread in (post or Post()).send_due():
        thread.join()


def time_passes(**times: float) -> None:
    """Let all messages be older, by the arguments of a timedelta."""
    ago = timedelta(**times)
    for name in ("created_at", "ended_at", "next_attempt_at", "claimed_until"):
        Alert.objects.update(**{name: F(name) - ago})


def texts(webhook: Outside) -> list[tuple[str, str]]:
    """Return the messages that a web server was sent."""
    return [(each.json["title"], each.json["message"]) for each in webhook.received]
