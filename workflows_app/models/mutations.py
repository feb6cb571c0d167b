"""The ledger: every outside effect, written before it is sent, and the evidence about it (P1, P3)."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMModelMixin, transition

from workflows_app.models import guards
from workflows_app.models.states import StateField
from workflows_app.models.words import Values, word_index


class Mutation(FSMModelMixin, models.Model):
    """The one outside effect of a run.

    `failed` always means: known not to have happened. `skipped`: abandoned, never learned.
    """

    class Status(models.TextChoices):
        IN_FLIGHT = "in_flight", _("in flight")
        APPLIED = "applied", _("Applied")
        FAILED = "failed", _("did not happen")
        NEEDS_RECONCILE = "needs_reconcile", _("needs reconcile")
        INDETERMINATE = "indeterminate", _("Unknown")
        SKIPPED = "skipped", _("Skipped")

    class ResolvedBy(models.TextChoices):
        RESPONSE = "response", _("the answer to the call")
        RECONCILE = "reconcile", _("asking the outside system")
        OPERATOR = "operator", _("a person")

    #: An effect is found by its words when its call has ended, one way or another.
    FOUND = ("applied", "failed", "skipped", "indeterminate")

    UNKNOWN = (Status.IN_FLIGHT.value, Status.NEEDS_RECONCILE.value, Status.INDETERMINATE.value)

    run = models.OneToOneField("Run", models.PROTECT, related_name="mutation")
    mutator = models.CharField(max_length=100)
    params = models.JSONField()
    target = models.CharField(max_length=300, blank=True)
    idempotency_key = models.CharField(max_length=64)
    status = StateField(
        max_length=20, choices=Status.choices, default=Status.IN_FLIGHT.value, protected=True
    )
    result = models.JSONField(null=True, blank=True)
    sent_at = models.DateTimeField()
    #: When the call was over: answered, given up, or its worker certainly gone.
    ended_at = models.DateTimeField(null=True, blank=True)
    reconcile_attempts = models.PositiveIntegerField(default=0)
    next_reconcile_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=10, choices=ResolvedBy.choices, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    history = guards.AppendOnlyHistory()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("view_sensitive", "Can see values that are masked for others"),
            ("export", "Can export lists"),
        ]
        constraints = [
            models.CheckConstraint(
                name="mutation_status_known",
                condition=Q(
                    status__in=[
                        "in_flight",
                        "applied",
                        "failed",
                        "needs_reconcile",
                        "indeterminate",
                        "skipped",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="resolved_by_iff_settled",
                condition=(Q(status__in=["applied", "failed", "skipped"]) & ~Q(resolved_by=""))
                | (
                    Q(status__in=["in_flight", "needs_reconcile", "indeterminate"])
                    & Q(resolved_by="")
                ),
            ),
            models.CheckConstraint(
                name="due_iff_needs_reconcile",
                condition=Q(status="needs_reconcile", next_reconcile_at__isnull=False)
                | (~Q(status="needs_reconcile") & Q(next_reconcile_at__isnull=True)),
            ),
        ]
        indexes = [
            # Also for the beginning of a key, whatever the collation.
            models.Index(
                fields=["idempotency_key"], name="mutation_key", opclasses=["varchar_pattern_ops"]
            ),
            models.Index(
                fields=["status"],
                name="mutation_unknown",
                condition=Q(status__in=["in_flight", "needs_reconcile", "indeterminate"]),
            ),
            models.Index(
                fields=["next_reconcile_at"],
                name="mutation_due",
                condition=Q(status="needs_reconcile"),
            ),
            # Few among many, and looked through later.
            models.Index(
                fields=["id"],
                name="mutation_decided",
                condition=Q(resolved_by="operator"),
            ),
            guards.by_date("sent_at", "mutation_by_time"),
            word_index(
                "mutation_words",
                "target",
                Values("params"),
                Values("result"),
                condition=Q(status__in=["applied", "failed", "skipped", "indeterminate"]),
            ),
        ]
        triggers = [
            guards.kept(),
            guards.never_emptied(),
            guards.final("status", "applied", "failed", "skipped"),
        ]

    def __str__(self) -> str:
        return f"{self.mutator} {self.target}".strip()

    @property
    def is_denied_by_person(self) -> bool:
        """Tell whether it is a person who said that it did not happen."""
        return bool(
            self.status == self.Status.FAILED and self.resolved_by == self.ResolvedBy.OPERATOR
        )

    def _settle(self, by: str, now: datetime) -> None:
        self.resolved_by = by
        self.resolved_at = now
        self.next_reconcile_at = None

    @transition(
        status,
        source=[Status.IN_FLIGHT.value, Status.NEEDS_RECONCILE.value],
        target=Status.APPLIED.value,
    )
    def apply(self, *, result: object, by: str, now: datetime) -> None:
        """It happened."""
        self.result = result
        self._settle(by, now)

    @transition(status, source=Status.INDETERMINATE.value, target=Status.APPLIED.value)
    def apply_late(self, *, result: object, by: str, now: datetime) -> None:
        """It happened, says a person, or the outside system when a person had it asked."""
        self.result = result
        self._settle(by, now)

    @transition(status, source=list(UNKNOWN), target=Status.FAILED.value)
    def set_failed(self, *, by: str, now: datetime) -> None:
        """It is known not to have happened."""
        self._settle(by, now)

    @transition(
        status,
        source=[Status.IN_FLIGHT.value, Status.NEEDS_RECONCILE.value],
        target=Status.NEEDS_RECONCILE.value,
    )
    def await_reconcile(self, *, due_at: datetime) -> None:
        """Unknown; ask the outside system at `due_at`."""
        self.next_reconcile_at = due_at

    @transition(status, source=Status.INDETERMINATE.value, target=Status.NEEDS_RECONCILE.value)
    def restart_reconcile(self, *, due_at: datetime) -> None:
        """A person lets the host ask again from the start."""
        self.reconcile_attempts = 0
        self.next_reconcile_at = due_at

    @transition(
        status,
        source=[Status.IN_FLIGHT.value, Status.NEEDS_RECONCILE.value],
        target=Status.INDETERMINATE.value,
    )
    def give_up(self) -> None:
        """Unknown, and the host can't find out, or is told to leave it to a person."""
        self.next_reconcile_at = None

    @transition(status, source=Status.INDETERMINATE.value, target=Status.SKIPPED.value)
    def skip(self, *, now: datetime) -> None:
        """A person abandoned it."""
        self._settle(self.ResolvedBy.OPERATOR.value, now)


class Evidence(models.Model):
    """What one call to the outside system, execute, reconcile or probe, told the host. Kept for good."""

    class Kind(models.TextChoices):
        EXECUTE = "execute", _("the call")
        RECONCILE = "reconcile", _("asking whether it happened")
        LATE = "late", _("an answer that came too late")
        PROBE = "probe", _("asking for a person who decides")

    class Verdict(models.TextChoices):
        APPLIED = "applied", _("it happened")
        NOT_APPLIED = "not_applied", _("it did not happen")
        UNKNOWN = "unknown", _("Unknown")

    mutation = models.ForeignKey(Mutation, models.PROTECT, related_name="evidence")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    detail = models.TextField(blank=True)
    #: Where the mutator's code failed, for developers.
    traceback = models.TextField(blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    #: A late answer that says the opposite of what the ledger holds as settled.
    contradicts = models.BooleanField(default=False)
    #: Of a probe: who asked, and the name as it was.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    actor_name = models.CharField("person", max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "evidence"
        indexes = [
            models.Index(
                fields=["created_at"],
                name="evidence_contradicts",
                condition=Q(contradicts=True),
            ),
            BrinIndex(
                fields=["created_at"],
                name="evidence_by_date",
                autosummarize=True,
                pages_per_range=32,
            ),
        ]
        triggers = guards.append_only()

    def __str__(self) -> str:
        return f"{self.kind} {self.attempt}: {self.verdict}"
