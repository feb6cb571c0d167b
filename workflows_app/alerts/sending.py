"""Sending what is due: outside of transactions, in a line for each channel, so that none holds up another.

A worker claims a message for longer than its deadline, makes its text, sends it, and writes what became of it.
If it dies in between, another one sends it again: at least once. If the channel does not take it, or says
nothing in `send_seconds`, it is tried again, with growing pauses. A call that hangs can't be ended; until it
has come back, this process sends nothing more there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import translation

from workflows_app.alerts import channels, trying
from workflows_app.alerts.channels import ADDRESS_REFUSED, NotDelivered
from workflows_app.alerts.facts import open_facts
from workflows_app.alerts.places import MAIL_LINE, Place, language_of, mail_of, wanted
from workflows_app.alerts.settings import AlertSettings, alert_settings
from workflows_app.alerts.wording import body_of, one_line, subject_of
from workflows_app.conf import policy
from workflows_app.models import Alert
from workflows_app.models.clocks import database_now
from workflows_app.outages import watch

logger = logging.getLogger("workflows_app")

#: A claim outlasts the deadline of its call by this much.
_CLAIMED_FOR_LONGER = timedelta(seconds=30)


class Post:
    """The lines of one process."""

    def __init__(self) -> None:
        self._lines: dict[str, threading.Thread] = {}
        self._calls: dict[str, threading.Thread] = {}

    def send_due(self) -> list[threading.Thread]:
        """Begin to send what is due, where nothing is being sent; return the threads that do."""
        begun = []
        for line in sorted(_lines_with_mail() | trying.lines_with_tests()):
            busy = (self._lines.get(line), self._calls.get(line))
            if any(thread is not None and thread.is_alive() for thread in busy):
                continue
            thread = threading.Thread(target=self._send_line, args=[line], daemon=True)
            thread.name = f"alerts to {line}"
            self._lines[line] = thread
            thread.start()
            begun.append(thread)
        return begun

    def _send_line(self, line: str) -> None:
        try:
            while (choice := trying.claimed(line)) is not None:
                limits = alert_settings()
                send = trying.sender_of(choice, limits)
                trying.ended(choice, one_line(self._within(limits.send_seconds, line, send)))
                if self._calls[line].is_alive():
                    return
            while (alert := _claimed(line)) is not None:
                if not self._send(alert, line):
                    return
        except Exception as error:
            if not watch.saw(error):
                logger.exception("alert.line_failed channel=%s", line)
        finally:
            connection.close()

    def _send(self, alert: Alert, line: str) -> bool:
        """Send one message, or find that all of it has settled; return whether the line goes on.

        It ends where the place does not take it: not if that is the address of one person alone.
        """
        limits = alert_settings()
        send = prepare(alert, limits)
        if send is None:
            _end(alert, Alert.Status.DROPPED)
            return True
        problem = self._within(limits.send_seconds, line, send)
        if not problem:
            _end(alert, Alert.Status.SENT)
            logger.info("alert.sent channel=%s workflow=%s", line, alert.workflow.slug)
            return True
        _try_later(alert, problem)
        facts = (line, alert.workflow.slug, alert.attempts, problem)
        logger.warning("alert.not_sent channel=%s workflow=%s attempt=%s problem=%s", *facts)
        return problem == ADDRESS_REFUSED

    def _within(self, seconds: float, line: str, send: Callable[[], None]) -> str:
        """Make the call, and return what went wrong, if anything did. Waits no longer than that."""
        answers: list[str] = []

        def call() -> None:
            try:
                send()
                answers.append("")
            except NotDelivered as error:
                answers.append(str(error))
            except Exception as error:
                # Of a plugin of somebody else's; its text may hold an address.
                answers.append(f"sending failed: {type(error).__name__}")

        thread = threading.Thread(target=call, daemon=True, name=f"alert to {line}")
        self._calls[line] = thread
        thread.start()
        thread.join(seconds)
        return answers[0] if answers else f"there was no answer in {seconds:g} s"


def _lines_with_mail() -> set[str]:
    return {channel or MAIL_LINE for channel in _due().values_list("channel", flat=True)}


def _due() -> QuerySet[Alert]:
    """Return what is to be sent now. Later dates than there can be were written by a clock that was ahead."""
    longest_claim = 2 * (timedelta(seconds=alert_settings().send_seconds) + _CLAIMED_FOR_LONGER)
    longest_pause = timedelta(seconds=2 * policy().backoff_max_seconds)
    is_free = Q(claimed_until=None) | _is_over("claimed_until", longest_claim)
    has_paused = _is_over("next_attempt_at", longest_pause)
    return Alert.objects.filter(is_free, has_paused, status=Alert.Status.WAITING)


def _is_over(name: str, longest: timedelta) -> Q:
    return Q(**{f"{name}__lte": Now()}) | Q(**{f"{name}__gt": Now() + longest})


def _claimed(line: str) -> Alert | None:
    """Take the next message of a line for this worker alone; none if none is due. Commits."""
    with transaction.atomic():
        due = _due().filter(channel="" if line == MAIL_LINE else line)
        alert = due.select_for_update(skip_locked=True).order_by("next_attempt_at", "pk").first()
        if alert is None:
            return None
        deadline = timedelta(seconds=alert_settings().send_seconds)
        alert.claimed_until = database_now() + deadline + _CLAIMED_FOR_LONGER
        alert.attempts += 1
        alert.save(update_fields=["claimed_until", "attempts"])
    return Alert.objects.select_related("workflow", "person").get(pk=alert.pk)


def prepare(alert: Alert, limits: AlertSettings) -> Callable[[], None] | None:
    """Write into `alert` what it tells now, and return what sends it; none if nothing is left to tell.

    In the language of the site, and a mail to a person in the one in which they last chose.
    """
    now = database_now()
    place, workflow = Place.of(alert), alert.workflow
    places = wanted(limits, [workflow], only=place)[workflow.pk] if limits.are_on else {}
    kinds = places.get(place, set())
    open_now = open_facts(limits, now=now, workflow_id=workflow.pk).get(workflow.pk, [])
    facts = [fact for fact in open_now if fact.kind in kinds]
    if not facts:
        return None
    alert.facts = [fact.key for fact in facts]
    with translation.override(language_of(place)):
        alert.subject = subject_of(workflow, facts, now=now)
        alert.body = body_of(workflow, facts, limits=limits, now=now)
    text = {"subject": alert.subject, "body": alert.body}
    if alert.channel:
        address = limits.channels[alert.channel]
        return lambda: channels.send_to_channel(address, **text)
    mail = mail_of(alert.person)
    return lambda: channels.send_to_person(mail, **text)


def _still_mine(alert: Alert) -> QuerySet[Alert]:
    return Alert.objects.filter(pk=alert.pk, status=Alert.Status.WAITING, attempts=alert.attempts)


def _end(alert: Alert, status: Alert.Status) -> None:
    _still_mine(alert).update(
        status=status.value,
        facts=alert.facts,
        subject=alert.subject,
        body=alert.body,
        claimed_until=None,
        ended_at=database_now(),
    )


def _try_later(alert: Alert, problem: str) -> None:
    _still_mine(alert).update(
        problem=one_line(problem),
        claimed_until=None,
        next_attempt_at=database_now() + policy().backoff(alert.attempts),
    )
