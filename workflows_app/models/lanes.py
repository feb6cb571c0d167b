"""Lanes: the strands of a workflow in which runs go one after the other (P8).

A lane is a text. What each handler knows of it is a row here, written under the workflow's lock; so the
choice of what is next never looks at the events or runs of lanes that are held.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from workflows_app.conf import LANE_LENGTH
from workflows_app.models.events import Event
from workflows_app.models.workflows import Handler, WorkflowVersion


class LaneState(models.Model):
    """What one handler knows of one lane. Bookkeeping, no history.

    `arrivals` counts how often something new came. While `arrivals_seen` equals it, the handler has
    looked, taken nothing, and waits for the next arrival or for `wake_at`.
    """

    handler = models.ForeignKey(Handler, models.CASCADE, related_name="lanes", db_index=False)
    lane = models.CharField(max_length=LANE_LENGTH, blank=True)
    state = models.JSONField(null=True, blank=True)
    #: A waiting consumer's next prepare without an event; a producer's next poll.
    wake_at = models.DateTimeField(null=True, blank=True)
    #: How many polls of a producer failed in a row.
    failures = models.PositiveIntegerField(default=0)
    arrivals = models.BigIntegerField(default=1)
    arrivals_seen = models.BigIntegerField(null=True, blank=True)
    #: The id of the oldest pending event of its topics in this lane, if any.
    oldest_pending = models.BigIntegerField(null=True, blank=True)
    #: A run of the lane is open, or owes a retry.
    is_held = models.BooleanField(default=False)

    class Meta:
        ordering = ["handler", "lane"]
        constraints = [
            models.UniqueConstraint(fields=["handler", "lane"], name="one_state_per_lane"),
        ]
        indexes = [
            models.Index(
                fields=["handler", "oldest_pending"],
                name="lane_ready",
                condition=Q(is_held=False, oldest_pending__isnull=False)
                & (Q(arrivals_seen__isnull=True) | ~Q(arrivals_seen=F("arrivals"))),
            ),
            models.Index(
                fields=["handler", "wake_at", "id"],
                name="lane_wakes",
                condition=Q(is_held=False, wake_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"lane '{self.lane}' of {self.handler}"


class LaneRefusal(models.Model):
    """The code named no lane for a pending event. Bookkeeping, no history.

    As long as the payload and the active version are these, it is not asked again.
    """

    event = models.OneToOneField(
        Event, models.CASCADE, primary_key=True, related_name="lane_refusal"
    )
    revision = models.PositiveIntegerField()
    version = models.ForeignKey(WorkflowVersion, models.CASCADE, db_index=False)
    why = models.TextField()

    def __str__(self) -> str:
        return f"no lane for event {self.event_id}"

    @classmethod
    def of(cls, event: Event) -> LaneRefusal | None:
        """Return that of an event as it is, by the active version, if there is one. One query."""
        active = event.topic.workflow.active_version_id
        return cls.objects.filter(event=event, revision=event.revision, version=active).first()
