"""Who wants to be told of what, and what was told. Bookkeeping, no history: nothing is decided by it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from workflows_app.models.workflows import Workflow


class AlertChoice(models.Model):
    """What one person chose to be told of, and where."""

    #: The kinds of `alerts.facts`, each a field here.
    blocked = models.BooleanField("an unknown outcome waits for a decision", default=True)
    contradiction = models.BooleanField("a late answer contradicts the ledger", default=True)
    breaker = models.BooleanField("no new calls go out", default=True)
    failed = models.BooleanField("a failed run waits for a person", default=True)
    oldest_pending = models.BooleanField("an event waits for too long", default=True)

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    workflow = models.ForeignKey(
        Workflow, models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    #: The name of a channel of the settings. Empty: the e-mail of the person.
    channel = models.CharField(max_length=100, blank=True)
    #: What the person read when they last changed one of their choices, the same in all: mails to them come in it.
    language = models.CharField(max_length=20, blank=True, editable=False)
    #: The test message that the person asked for last: when, when a worker sent it, and why it did not arrive
    #: (empty if it did, null while nobody knows).
    test_asked_at = models.DateTimeField(null=True, editable=False)
    test_sent_at = models.DateTimeField(null=True, editable=False)
    test_problem = models.TextField(null=True, editable=False)

    class Meta:
        ordering = ["person", "workflow", "channel"]
        verbose_name = _("alert for me")
        verbose_name_plural = _("alerts for me")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "workflow", "channel"],
                name="one_choice_per_place",
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(
                fields=["channel"],
                name="alert_test_due",
                condition=Q(test_asked_at__isnull=False, test_sent_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(workflow)s to %(place)s") % {
            "workflow": self.workflow or gettext("all workflows"),
            "place": self.channel or gettext("my e-mail"),
        }


class Alert(models.Model):
    """One message about one workflow to one place: a channel, or the e-mail of a person.

    `waiting` → `sent`, or `dropped` if all of it settled before it went out. Its text is made when it is sent.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENT = "sent", _("Sent")
        DROPPED = "dropped", _("settled before it was sent")

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="alerts", db_index=False)
    channel = models.CharField(max_length=100, blank=True)
    #: Set for a mail to a person, and only then.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+", db_index=False
    )
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING.value)
    #: The keys of what was told, or is to be.
    facts: models.JSONField[Any, Any] = models.JSONField(default=list)
    subject = models.TextField(blank=True)
    body = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    #: Why the last attempt failed; without addresses.
    problem = models.TextField(blank=True)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    #: A worker is about it until then.
    claimed_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="alert_status_known", condition=Q(status__in=["waiting", "sent", "dropped"])
            ),
            models.CheckConstraint(
                name="alert_to_one_place",
                condition=Q(channel="", person__isnull=False)
                | (~Q(channel="") & Q(person__isnull=True)),
            ),
            models.UniqueConstraint(
                fields=["workflow", "channel", "person"],
                name="one_waiting_alert_per_place",
                condition=Q(status="waiting"),
                nulls_distinct=False,
            ),
        ]
        indexes = [
            models.Index(fields=["workflow", "channel", "person", "-id"], name="alert_last"),
            models.Index(
                fields=["next_attempt_at"], name="alert_due", condition=Q(status="waiting")
            ),
            models.Index(
                fields=["person"], name="alert_of_person", condition=Q(person__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return gettext("alert %(number)s about %(workflow)s") % {
            "number": self.pk,
            "workflow": self.workflow.slug,
        }
