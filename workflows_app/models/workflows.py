"""Workflows, their versions, topics and handlers, and who may advance them now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMModelMixin, transition

from workflows_app.conf import PRODUCER_LANE
from workflows_app.models import guards
from workflows_app.models.decisions import OperationName, permissions_for
from workflows_app.models.states import StateField

#: The lane of events that their consumer names no lane for.
MAIN_LANE = ""


class WorkflowQuerySet(models.QuerySet["Workflow"]):
    def with_blocked(self) -> WorkflowQuerySet:
        """Annotate `blocked`: what `is_blocked` says, for lists."""
        from workflows_app.models.runs import Run

        return self.annotate(
            blocked=Exists(Run.objects.filter(Run.blocking_filter(), workflow=OuterRef("pk")))
        )


class Workflow(FSMModelMixin, models.Model):
    """A named automation as the database knows it. Its row lock guards all state below it."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        PAUSED = "paused", _("Paused")

    slug = models.SlugField(max_length=100, unique=True)
    title = models.CharField(max_length=200)
    status = StateField(
        max_length=10, choices=Status.choices, default=Status.ACTIVE.value, protected=True
    )
    active_version = models.ForeignKey(
        "WorkflowVersion", models.PROTECT, null=True, blank=True, related_name="+"
    )
    #: What its code called secret when it was last synced: kept when the code is gone.
    secret_names = models.JSONField(default=list, blank=True)
    #: Since when a person has ended it; its code was gone, and it held nothing any more.
    retired_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkflowQuerySet.as_manager()
    history = guards.AppendOnlyHistory()

    class Meta:
        ordering = ["slug"]
        permissions = permissions_for(
            OperationName.PAUSE_WORKFLOW,
            OperationName.RETIRE_WORKFLOW,
            OperationName.RUN_PRODUCERS_NOW,
        )
        constraints = [
            models.CheckConstraint(
                name="workflow_status_known", condition=Q(status__in=["active", "paused"])
            ),
        ]
        triggers = [guards.kept(), guards.never_emptied()]

    def __str__(self) -> str:
        return self.slug

    @property
    def is_blocked(self) -> bool:
        """Tell whether a run of it waits for a person or a new version."""
        from workflows_app.models.runs import Run

        return self.runs.filter(Run.blocking_filter()).exists()

    @transition(status, source=Status.ACTIVE.value, target=Status.PAUSED.value)
    def pause(self) -> None:
        """A person wants no new run to start."""

    @transition(status, source=Status.PAUSED.value, target=Status.ACTIVE.value)
    def resume(self) -> None:
        """A person lets new runs start again."""


class WorkflowVersion(models.Model):
    """One version of a workflow's code, recorded by `sync_workflows`."""

    class Kind(models.TextChoices):
        INITIAL = "initial", _("first version")
        REPAIR = "repair", _("repair (minor)")
        REPLAN = "replan", _("re-plan (major)")

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="versions")
    major = models.PositiveIntegerField()
    minor = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    source_digest = models.CharField(max_length=64)
    note = models.TextField(blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    history = guards.AppendOnlyHistory()

    class Meta:
        ordering = ["workflow", "-major", "-minor"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "major", "minor"], name="one_row_per_version"
            ),
        ]
        triggers = [guards.kept(), guards.never_emptied()]

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @property
    def pair(self) -> tuple[int, int]:
        """Return (major, minor), to compare."""
        return (self.major, self.minor)


class Topic(models.Model):
    """A durable, append-only stream of events, of one workflow."""

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="topics")
    name = models.CharField(max_length=100)
    #: Who takes its events in the active version; none if nobody does.
    consumer = models.ForeignKey(
        "Handler", models.PROTECT, null=True, blank=True, related_name="topics"
    )

    class Meta:
        ordering = ["workflow", "name"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "name"], name="one_topic_per_name"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow.slug}: {self.name}"


class Handler(models.Model):
    """A producer or consumer, its state, and when it wants to run again."""

    class Kind(models.TextChoices):
        PRODUCER = "producer", _("Producer")
        CONSUMER = "consumer", _("Consumer")

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="handlers")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    #: False when the active version's code no longer has it.
    is_current = models.BooleanField(default=True)

    class Meta:
        ordering = ["workflow", "kind", "name"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "name"], name="one_handler_per_name"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow.slug}: {self.name}"

    @property
    def own_lane(self) -> str:
        """Return the lane that it has without naming one: the main lane, or a producer's own."""
        return PRODUCER_LANE + self.name if self.kind == self.Kind.PRODUCER else MAIN_LANE

    @property
    def state(self) -> Any:
        """Return its state in its own lane. In other lanes: `LaneState`. One query."""
        found = self.lanes.filter(lane=self.own_lane).first()
        return None if found is None else found.state

    @property
    def wake_at(self) -> datetime | None:
        """Return when it wants to run again in its own lane. One query."""
        found = self.lanes.filter(lane=self.own_lane).first()
        return None if found is None else found.wake_at


class Lease(models.Model):
    """Who advances a workflow now, and when it wants attention next. Bookkeeping, no history.

    `token` rises with every claim: a write under an older token is refused. `expires_at` is in
    the database's clock, `next_due_at` in business time.
    """

    workflow = models.OneToOneField(
        Workflow, models.CASCADE, primary_key=True, related_name="lease"
    )
    token = models.BigIntegerField(default=0)
    #: Empty: nobody advances it now.
    holder = models.CharField(max_length=200, blank=True)
    #: Who made the claim of this token, also after it was given back: a crash of the database may forget a
    #: claim, and then its number is given again.
    claimed_by = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    next_due_at = models.DateTimeField(null=True, blank=True)
    #: True while an arrival is reason enough to wake the workflow (nothing holds it).
    listens = models.BooleanField(default=True)

    #: The database's clock when the row was locked; set by whoever locks it.
    seen_at: datetime

    class Meta:
        indexes = [
            models.Index(
                fields=["next_due_at"], name="lease_due", condition=Q(next_due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"lease {self.token} of workflow {self.workflow_id}"
