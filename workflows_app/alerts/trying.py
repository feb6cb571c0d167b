"""Test messages: a person asks, a worker sends one to each place that they chose, and the page tells what came of it.

At most once: of a message whose worker died while it sent nobody knows whether it arrived, and the person asks again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from workflows_app.alerts import channels
from workflows_app.alerts.places import MAIL_LINE, Place, language_of, mail_of
from workflows_app.alerts.settings import AlertSettings, alert_settings
from workflows_app.models import AlertChoice

#: A person asks no more often than that.
PAUSE = timedelta(minutes=1)


def ask(person: Any, *, now: datetime) -> bool:
    """Have a test message sent to each place that `person` chose; return False if they asked just before. Commits."""
    with transaction.atomic():
        # Before the cache, which takes a database that takes no changes for one that was asked.
        chosen = list(AlertChoice.objects.select_for_update().filter(person=person).order_by("pk"))
        # By the person, and not in their choices: those can be deleted, and made anew.
        if not cache.add(f"alerts.trying:{person.pk}", now, timeout=PAUSE.total_seconds()):
            return False
        # One for each place, however many workflows are told there.
        first = {choice.channel: choice for choice in reversed(chosen)}
        AlertChoice.objects.filter(person=person).update(
            test_asked_at=None, test_sent_at=None, test_problem=None
        )
        AlertChoice.objects.filter(pk__in=[choice.pk for choice in first.values()]).update(
            test_asked_at=now
        )
    return True


def asked_by(person: Any) -> QuerySet[AlertChoice]:
    """Return the choices whose places `person` had tried last."""
    return AlertChoice.objects.filter(person=person, test_asked_at__isnull=False).order_by("pk")


def is_lost(choice: AlertChoice, *, now: datetime) -> bool:
    """Tell whether the worker that sent the test message is gone, and what came of it is not known."""
    if choice.test_sent_at is None or choice.test_problem is not None:
        return False
    # Twice what a call may take: then its worker has written down what came of it, or never will.
    return now - choice.test_sent_at > timedelta(seconds=2 * alert_settings().send_seconds)


def lines_with_tests() -> set[str]:
    """Return the lines in which test messages wait."""
    return {channel or MAIL_LINE for channel in _waiting().values_list("channel", flat=True)}


def claimed(line: str) -> AlertChoice | None:
    """Take the next test message of a line; none if none waits. Commits."""
    with transaction.atomic():
        waiting = _waiting().filter(channel="" if line == MAIL_LINE else line)
        choice = waiting.select_for_update(skip_locked=True).order_by("test_asked_at", "pk").first()
        if choice is None:
            return None
        AlertChoice.objects.filter(pk=choice.pk).update(test_sent_at=Now())
    return AlertChoice.objects.select_related("person").get(pk=choice.pk)


def sender_of(choice: AlertChoice, limits: AlertSettings) -> Callable[[], None]:
    """Return what sends the test message, or what says why it can't be sent. The call raises NotDelivered.

    In the language of the messages there; why it can't be sent in English, as it is stored.
    """
    place = Place(choice.channel) if choice.channel else Place(person=choice.person_id)
    with translation.override(language_of(place)):
        text = _text(choice, limits)
    address = limits.channels.get(choice.channel, "") if choice.channel else mail_of(choice.person)

    def send() -> None:
        if not address:
            raise channels.NotDelivered(
                "there is no such channel any more"
                if choice.channel
                else "your account has no e-mail"
            )
        if choice.channel:
            channels.send_to_channel(address, **text)
        else:
            channels.send_to_person(address, **text)

    return send


def _text(choice: AlertChoice, limits: AlertSettings) -> dict[str, str]:
    page = reverse("admin:workflows_app_alertchoice_changelist")
    body = _(
        "%(person)s asked for it, to see whether messages arrive here. Nothing needs to be done.\n\n%(url)s\n"
    )
    told = {"person": choice.person, "url": limits.base_url.rstrip("/") + page}
    return {"subject": _("A test message of the workflow console"), "body": body % told}


def ended(choice: AlertChoice, problem: str) -> None:
    """Write down what came of a test message: nothing, or why it did not arrive. Not if it was asked for anew."""
    same = AlertChoice.objects.filter(pk=choice.pk, test_asked_at=choice.test_asked_at)
    same.update(test_problem=problem)


def _waiting() -> QuerySet[AlertChoice]:
    return AlertChoice.objects.filter(test_asked_at__isnull=False, test_sent_at__isnull=True)
