"""Inputs, events and why each is there. An event is pending, reserved, consumed or skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMModelMixin, transition

from workflows_app.conf import LANE_LENGTH
from workflows_app.models import guards
from workflows_app.models.decisions import OperationName, permissions_for
from workflows_app.models.states import StateField
from workflows_app.models.words import triggers_of_words, word_index
from workflows_app.models.workflows import Topic, Workflow

if TYPE_CHECKING:
    from workflows_app.models.runs import Run


class Input(models.Model):
    """The outside thing that started it: an e-mail, an invoice. Never changed once registered."""

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="inputs", db_index=False)
    source = models.CharField(max_length=100)
    type = models.CharField(max_length=100)
    external_id = models.CharField(max_length=200)
    title = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "source", "type", "external_id"], name="one_input_per_identity"
            ),
        ]
        indexes = [
            word_index("input_words", "title", "external_id"),
            guards.by_date("created_at", "input_by_date"),
        ]
        triggers = guards.append_only()

    def __str__(self) -> str:
        return self.title or f"{self.source} {self.type} {self.external_id}"


class Event(FSMModelMixin, models.Model):
    """One record in a topic, unique there by `message_id`."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        RESERVED = "reserved", _("Reserved")
        CONSUMED = "consumed", _("Consumed")
        SKIPPED = "skipped", _("Skipped")

    topic = models.ForeignKey(Topic, models.PROTECT, related_name="events", db_index=False)
    message_id = models.CharField(max_length=200)
    #: Any JSON; nothing is null.
    payload = models.JSONField(null=True, blank=True)
    #: The strand of the workflow that it is in. Null: the code of its consumer has not named it yet.
    lane = models.CharField(max_length=LANE_LENGTH, null=True, blank=True)
    #: Rises when a pending event is published again with another payload.
    revision = models.PositiveIntegerField(default=1)
    status = StateField(
        max_length=10, choices=Status.choices, default=Status.PENDING.value, protected=True
    )
    reserved_by = models.ForeignKey(
        "Run",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reserved_events",
        db_index=False,
    )
    #: The run that published it; none if application code did.
    created_by = models.ForeignKey(
        "Run",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="created_events",
        db_index=False,
    )
    inputs = models.ManyToManyField(Input, through="EventInput", related_name="events")
    created_at = models.DateTimeField(auto_now_add=True)

    history = guards.AppendOnlyHistory()

    #: Of an event that `publish` returned: what became of the publication.
    outcome: str

    #: The order in which pending events are taken: that of their ids, written so that `event_pending`
    #: gives it and the primary key does not. Where much is pending, PostgreSQL would else walk that
    #: key, through all that was ever done, to the first row of a topic.
    IN_ORDER = F("id") + 0

    class Meta:
        ordering = ["-id"]
        permissions = permissions_for(OperationName.SKIP_EVENT)
        constraints = [
            models.UniqueConstraint(
                fields=["topic", "message_id"], name="one_event_per_message_id"
            ),
            models.CheckConstraint(
                name="event_status_known",
                condition=Q(status__in=["pending", "reserved", "consumed", "skipped"]),
            ),
            models.CheckConstraint(
                name="reserved_by_iff_reserved",
                condition=Q(status="reserved", reserved_by__isnull=False)
                | (~Q(status="reserved") & Q(reserved_by__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(
                F("topic"),
                F("lane"),
                F("id") + 0,
                name="event_pending",
                condition=Q(status="pending"),
            ),
            models.Index(
                fields=["topic"],
                name="event_without_lane",
                condition=Q(status="pending", lane__isnull=True),
            ),
            models.Index(
                fields=["reserved_by"],
                name="event_reserved",
                condition=Q(reserved_by__isnull=False),
            ),
            # Few among many, and looked through later.
            models.Index(
                fields=["id"],
                name="event_skipped",
                condition=Q(status="skipped"),
            ),
            models.Index(
                fields=["created_by"],
                name="event_of_a_run",
                condition=Q(created_by__isnull=False),
            ),
            guards.by_date("created_at", "event_by_time"),
        ]
        triggers = [
            guards.kept(),
            guards.never_emptied(),
            guards.final("status", "consumed", "skipped"),
            *triggers_of_words(),
        ]

    def __str__(self) -> str:
        return self.message_id

    @transition(status, source=Status.PENDING.value, target=Status.RESERVED.value)
    def reserve(self, run: Run) -> None:
        """A run's checkpoint takes it."""
        self.reserved_by = run

    @transition(status, source=Status.RESERVED.value, target=Status.RESERVED.value)
    def hand_over(self, run: Run) -> None:
        """The run that continues another one's work takes it over."""
        self.reserved_by = run

    @transition(status, source=Status.RESERVED.value, target=Status.CONSUMED.value)
    def consume(self) -> None:
        """Its run commits."""
        self.reserved_by = None

    @transition(status, source=Status.RESERVED.value, target=Status.PENDING.value)
    def release(self) -> None:
        """Its run ended and certainly did nothing outside."""
        self.reserved_by = None

    @transition(
        status, source=[Status.PENDING.value, Status.RESERVED.value], target=Status.SKIPPED.value
    )
    def skip(self) -> None:
        """A person skipped it, or the run that holds it."""
        self.reserved_by = None


class EventInput(models.Model):
    """An event came of an input."""

    event = models.ForeignKey(Event, models.PROTECT, related_name="causes", db_index=False)
    input = models.ForeignKey(Input, models.PROTECT, related_name="effects")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "input"], name="one_cause_per_input"),
        ]
        triggers = guards.append_only()

    def __str__(self) -> str:
        return f"event {self.event_id} of input {self.input_id}"


class Arrival(models.Model):
    """Something new is in a topic and lane that its consumer has not been offered yet.

    Inserted by the transaction that publishes (at most one row a topic, lane and transaction), deleted
    by the host when it looks. Since rows are only inserted, a publisher never waits for the host, and
    one that commits late leaves a row that is seen late: no wake-up is lost.
    """

    topic = models.ForeignKey(Topic, models.CASCADE, related_name="arrivals", db_index=False)
    lane = models.CharField(max_length=LANE_LENGTH, null=True, blank=True)
    #: Transaction number, to insert one row only; compared within that transaction alone.
    transaction = models.CharField(max_length=20)

    class Meta:
        indexes = [models.Index(fields=["topic", "transaction", "lane"], name="arrival_topic")]

    def __str__(self) -> str:
        return f"arrival in topic {self.topic_id}"
