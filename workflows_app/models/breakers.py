"""The circuit breaker of a consumer: an outage leaves a few unknown outcomes, not thousands (P8)."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMModelMixin, transition

from workflows_app.models import guards
from workflows_app.models.decisions import OperationName, permissions_for
from workflows_app.models.states import StateField
from workflows_app.models.workflows import Handler


class Breaker(FSMModelMixin, models.Model):
    """Whether the calls of one consumer go out. It has a row since its first unknown outcome."""

    class Status(models.TextChoices):
        CLOSED = "closed", _("closed: calls go out")
        OPEN = "open", _("open: no new call")
        HALF_OPEN = "half_open", _("half open: one trial")

    handler = models.OneToOneField(Handler, models.PROTECT, related_name="breaker")
    status = StateField(
        max_length=10, choices=Status.choices, default=Status.CLOSED.value, protected=True
    )
    #: Unknown outcomes in a row, over all lanes.
    unknowns = models.PositiveIntegerField(default=0)
    #: How often in a row it was opened: each time it stays open for longer.
    openings = models.PositiveIntegerField(default=0)
    #: The first time in that row: since when no calls go out.
    opened_at = models.DateTimeField(null=True, blank=True)
    #: When one run is let through as a trial.
    trial_at = models.DateTimeField(null=True, blank=True)

    history = guards.AppendOnlyHistory()

    class Meta:
        ordering = ["handler"]
        permissions = permissions_for(OperationName.CLOSE_BREAKER)
        constraints = [
            models.CheckConstraint(
                name="breaker_status_known",
                condition=Q(status__in=["closed", "open", "half_open"]),
            ),
            models.CheckConstraint(
                name="trial_iff_open",
                condition=Q(status="closed", trial_at__isnull=True)
                | (~Q(status="closed") & Q(trial_at__isnull=False)),
            ),
        ]
        triggers = [guards.kept(), guards.never_emptied()]

    def __str__(self) -> str:
        return gettext("breaker of %(handler)s") % {"handler": self.handler}

    @property
    def lets_calls_out(self) -> bool:
        return bool(self.status == self.Status.CLOSED)

    @transition(
        status,
        source=[Status.CLOSED.value, Status.HALF_OPEN.value],
        target=Status.OPEN.value,
    )
    def open(self, *, now: datetime, trial_at: datetime) -> None:
        """Too many unknown outcomes in a row, or the trial was one, or sent nothing."""
        self.openings += 1
        self.opened_at = self.opened_at or now
        self.trial_at = trial_at

    @transition(status, source=Status.OPEN.value, target=Status.HALF_OPEN.value)
    def let_one_through(self) -> None:
        """Its time is over: one run is a trial."""

    @transition(
        status,
        source=[Status.OPEN.value, Status.HALF_OPEN.value],
        target=Status.CLOSED.value,
    )
    def close(self) -> None:
        """The outside answers again, or a person says so."""
        self.unknowns = self.openings = 0
        self.opened_at = self.trial_at = None
