"""Sending one message to one place: by apprise to a channel, or by Django's mail to a person.

Of what apprise knows, only mail, chat and webhooks are taken: the rest are programs on the worker's own
machine, or cost money. It runs in the thread that calls it, follows no redirects, adds no pictures (their
addresses lead to its makers' site), keeps nothing on disk, and tells no addresses. Its plugins wait 4 to 15 seconds
for a socket, which is no limit for a whole message: `sending` has that.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import smtplib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.errors import MessageError
from email.headerregistry import Address
from typing import Any

from django.core.mail import EmailMessage

#: Schemes of apprise: mail, chat, webhooks, and services that wake people up.
SCHEMES = frozenset(
    [
        "mailto",
        "mailtos",
        "json",
        "jsons",
        "form",
        "forms",
        "xml",
        "xmls",
        "slack",
        "msteams",
        "workflows",
        "workflow",
        "discord",
        "gchat",
        "mmost",
        "mmosts",
        "rocket",
        "rockets",
        "matrix",
        "matrixs",
        "zulip",
        "wxteams",
        "tgram",
        "ntfy",
        "ntfys",
        "gotify",
        "gotifys",
        "signal",
        "signals",
        "nctalk",
        "nctalks",
        "twist",
        "line",
        "threema",
        "pagerduty",
        "opsgenie",
        "signl4",
        "pushover",
        "mailgun",
        "sendgrid",
        "ses",
        "postmark",
        "brevo",
        "resend",
    ]
)
#: Of one person: the mail server is there for all others.
ADDRESS_REFUSED = "the mail server does not take the address"
_STATUS = re.compile(r"error=(\d{3})\b")


class NotDelivered(Exception):
    """The place did not take the message; the text says why, and holds no address."""


def can_send_to_channels() -> bool:
    """Tell whether apprise, the extra `alerts`, is installed."""
    return importlib.util.find_spec("apprise") is not None


def problem_of(address: str) -> str:
    """Return what is wrong with the address of a channel, without quoting it; nothing if it can be used."""
    scheme, separator, _ = address.partition("://")
    if not separator:
        return "it is no address of apprise, as in 'mailto://' or 'json://'"
    if scheme.lower() not in SCHEMES:
        return "its scheme is none of those for mail, chat and webhooks that may be used here"
    if can_send_to_channels() and _service(address) is None:
        return f"apprise can't read what follows '{scheme.lower()}://'"
    return ""


def _service(address: str) -> Any:
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Workflow operations",
        app_desc="Workflow operations",
        app_url="",
        async_mode=False,
        http_redirects=False,
        image_url_mask="",
        image_url_logo="",
        image_path_mask="",
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    with _unlogged():
        return apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)


def send_to_channel(address: str, *, subject: str, body: str) -> None:
    """Send one message. Raises NotDelivered."""
    import apprise

    service = _service(address)
    if service is None:
        raise NotDelivered("its address can't be read")
    # A mail would be HTML, and a chat would read marks into titles.
    service.notify_format = apprise.NotifyFormat.TEXT
    sender = apprise.Apprise(asset=service.asset)
    sender.add(service)
    with _unlogged() as heard:
        is_sent = sender.notify(
            body=body,
            title=subject,
            notify_type=apprise.NotifyType.WARNING,
            body_format=apprise.NotifyFormat.TEXT,
        )
    if not is_sent:
        status = next((found[1] for line in heard if (found := _STATUS.search(line))), "")
        raise NotDelivered(
            f"it answered {status}" if status else "there was no answer, or a refusal"
        )


def send_to_person(address: str, *, subject: str, body: str) -> None:
    """Send one mail by the mail settings of the project. Raises NotDelivered."""
    try:
        EmailMessage(subject=subject, body=body, to=[address]).send()
    except smtplib.SMTPRecipientsRefused as error:
        raise NotDelivered(ADDRESS_REFUSED) from error
    except smtplib.SMTPException as error:
        raise NotDelivered(f"the mail server refused: {type(error).__name__}") from error
    except OSError as error:
        raise NotDelivered(f"the mail server can't be reached: {type(error).__name__}") from error
    except ValueError as error:
        # The sender's may be wrong, too: that is the same for all.
        if _can_be_written(address):
            raise
        raise NotDelivered(ADDRESS_REFUSED) from error


def _can_be_written(address: str) -> bool:
    try:
        Address(addr_spec=address).domain.encode("idna")
    except (ValueError, MessageError):
        return False
    return True


@contextmanager
def _unlogged() -> Iterator[list[str]]:
    """Collect what apprise logs in this thread, and let none of it into the log: it may hold addresses."""
    heard: list[str] = []
    mine = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread != mine:
            return True
        heard.append(record.getMessage())
        return False

    logger = logging.getLogger("apprise")
    logger.addFilter(keep)
    try:
        yield heard
    finally:
        logger.removeFilter(keep)
