"""Runs: one attempt of a handler. The phase says how far it came, the status why it goes on or not."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMModelMixin, transition

from workflows_app.conf import LANE_LENGTH
from workflows_app.models import guards
from workflows_app.models.copies import new
from workflows_app.models.decisions import OperationName, permissions_for
from workflows_app.models.events import Event
from workflows_app.models.states import StateField
from workflows_app.models.words import word_index
from workflows_app.models.workflows import Handler, Workflow, WorkflowVersion


class Run(FSMModelMixin, models.Model):
    """One attempt of a handler. A retry is a new run, linked by `retry_of`."""

    class Phase(models.TextChoices):
        PREPARING = "preparing", _("Preparing")
        PREPARED = "prepared", _("Prepared")
        MUTATING = "mutating", _("Mutating")
        MUTATED = "mutated", _("Mutated")
        EMITTING = "emitting", _("Emitting")
        COMMITTED = "committed", _("Committed")

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        RECONCILING = "reconciling", _("Reconciling")
        BLOCKED = "blocked", _("Blocked")
        COMMITTED = "committed", _("Committed")
        FAILED = "failed", _("Failed")
        CRASHED = "crashed", _("Crashed")

    class FailureKind(models.TextChoices):
        TRANSIENT = "transient", _("transient: may work later")
        LOGIC = "logic", _("logic: the code is at fault")
        REJECTED = "rejected", _("rejected by the outside system")
        POISON = "poison", _("poison: its worker died or hung each time")

    #: A run is found by the words of its title when it no longer changes all the time.
    FOUND = ("reconciling", "blocked", "committed", "failed", "crashed")

    OPEN = (Status.ACTIVE.value, Status.RECONCILING.value, Status.BLOCKED.value)

    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="runs", db_index=False)
    handler = models.ForeignKey(Handler, models.PROTECT, related_name="runs", db_index=False)
    #: The strand of the workflow that it holds while it is open or owes a retry.
    lane = models.CharField(max_length=LANE_LENGTH, blank=True)
    #: The version of the code that executed it.
    version = models.ForeignKey(
        WorkflowVersion, models.PROTECT, related_name="runs", db_index=False
    )
    phase = StateField(
        max_length=10, choices=Phase.choices, default=Phase.PREPARING.value, protected=True
    )
    status = StateField(
        max_length=12, choices=Status.choices, default=Status.ACTIVE.value, protected=True
    )
    title = models.CharField(max_length=300, blank=True)
    prepare_result = models.JSONField(null=True, blank=True)
    #: The idempotency key of this prepare result: the same along a chain of retries of it.
    idempotency_key = models.CharField(max_length=64, blank=True)
    retry_of = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="retry"
    )
    #: How many times in a row this work was tried and failed as transient before this run.
    earlier_failures = models.PositiveIntegerField(default=0)
    #: How many times in a row its worker died, or its handler hung, before this run.
    earlier_crashes = models.PositiveIntegerField(default=0)
    #: The settled mutation of an earlier run whose outcome this run brings to `next`.
    carried_mutation = models.ForeignKey(
        "Mutation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="carried_by",
        db_index=False,
    )
    failure_kind = models.CharField(max_length=10, choices=FailureKind.choices, blank=True)
    failure_message = models.TextField(blank=True)
    failure_traceback = models.TextField(blank=True)
    failure_phase = models.CharField(max_length=10, choices=Phase.choices, blank=True)
    #: Ended, and its work is still to be done: at `retry_due_at`, or when a person or a new version says.
    owes_retry = models.BooleanField(default=False)
    retry_due_at = models.DateTimeField(null=True, blank=True)
    #: The claim that executes it. Empty: nobody does. It waits for a place, or for whoever claims the workflow.
    fencing_token = models.BigIntegerField(null=True, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    history = guards.AppendOnlyHistory()

    class Meta:
        ordering = ["-id"]
        permissions = permissions_for(
            OperationName.TRY_AGAIN,
            OperationName.IT_HAPPENED,
            OperationName.IT_DIDNT_HAPPEN,
            OperationName.SKIP_RUN,
            OperationName.DECIDE_NOW,
            OperationName.RETRY_FAILED_RUN,
            OperationName.TAKE_RUN,
            OperationName.ADD_NOTE,
        )
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "lane"],
                name="one_open_run_per_lane",
                condition=Q(status__in=["active", "reconciling", "blocked"]),
            ),
            models.UniqueConstraint(
                fields=["workflow", "lane"],
                name="one_owed_retry_per_lane",
                condition=Q(owes_retry=True),
            ),
            models.CheckConstraint(
                name="run_status_known",
                condition=Q(
                    status__in=[
                        "active",
                        "reconciling",
                        "blocked",
                        "committed",
                        "failed",
                        "crashed",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="run_phase_known",
                condition=Q(
                    phase__in=[
                        "preparing",
                        "prepared",
                        "mutating",
                        "mutated",
                        "emitting",
                        "committed",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="run_committed_in_both",
                condition=Q(status="committed", phase="committed")
                | (~Q(status="committed") & ~Q(phase="committed")),
            ),
            models.CheckConstraint(
                name="failure_kind_iff_failed",
                condition=(Q(status="failed") & ~Q(failure_kind=""))
                | (~Q(status="failed") & Q(failure_kind="")),
            ),
            models.CheckConstraint(
                name="only_ended_runs_owe_a_retry",
                condition=Q(owes_retry=False) | Q(status__in=["failed", "crashed"]),
            ),
        ]
        indexes = [
            models.Index(fields=["workflow", "id"], name="run_of_workflow"),
            models.Index(
                fields=["workflow", "status"],
                name="run_under_way",
                condition=Q(status__in=["active", "reconciling"]),
            ),
            models.Index(
                fields=["workflow", "retry_due_at", "id"],
                name="run_owes_retry",
                condition=Q(owes_retry=True),
            ),
            models.Index(
                fields=["carried_mutation"],
                name="run_carries",
                condition=Q(carried_mutation__isnull=False),
            ),
            models.Index(
                fields=["status", "started_at"],
                name="run_needs_attention",
                condition=Q(status__in=["active", "reconciling", "blocked", "failed"]),
            ),
            guards.by_date("started_at", "run_by_time"),
            guards.by_date("ended_at", "run_by_end"),
            word_index(
                "run_words",
                "title",
                condition=Q(
                    status__in=["reconciling", "blocked", "committed", "failed", "crashed"]
                ),
            ),
        ]
        triggers = [
            guards.kept(),
            guards.never_emptied(),
            guards.final("status", "committed", "failed", "crashed"),
        ]

    def __str__(self) -> str:
        return self.title or gettext("run %(number)s") % {"number": self.pk}

    @classmethod
    def begun(cls, **values: Any) -> Run:
        """Return a new run. That it has no mutation yet is known, and not asked for."""
        run = new(cls, **values)
        run._state.fields_cache["mutation"] = None
        return run

    @property
    def knows_its_mutation(self) -> bool:
        """Tell whether `mutation` is here, or known to be missing, without a query."""
        return "mutation" in self._state.fields_cache

    @classmethod
    def blocking_filter(cls) -> Q:
        """Return what makes a run hold its lane until a person or a new version settles it."""
        return Q(status=cls.Status.BLOCKED) | cls.waits_without_date()

    @classmethod
    def waits_without_date(cls) -> Q:
        """Return what makes a failed run wait for a person or a new version: no date brings its retry."""
        return Q(status=cls.Status.FAILED, owes_retry=True, retry_due_at__isnull=True)

    @property
    def needs_person(self) -> bool:
        """Tell of this run what `blocking_filter` asks for."""
        waits = self.owes_retry and self.retry_due_at is None
        return self.status == self.Status.BLOCKED or (self.status == self.Status.FAILED and waits)

    @classmethod
    def at_work(cls) -> Q:
        """Return what makes a run one that a worker executes. An active one without a claim waits for its turn."""
        return Q(status=cls.Status.ACTIVE, fencing_token__isnull=False)

    @property
    def waits_for_turn(self) -> bool:
        """Tell whether the run goes on, and nobody executes it now: there is no place for it, or it may not."""
        return self.status == self.Status.ACTIVE and self.fencing_token is None

    @property
    def own_mutation(self) -> Mutation | None:
        """Return its `mutation`, if it has made one."""
        return getattr(self, "mutation", None)

    @property
    def settled_mutation(self) -> Mutation | None:
        """Return the mutation whose outcome `next` gets: its own, or the one it carries."""
        return self.own_mutation or self.carried_mutation

    @property
    def is_sent_again(self) -> bool:
        """Tell whether a person said that it did not happen, so that another run does it again."""
        return self.is_sent_again_after(self.own_mutation)

    def is_sent_again_after(self, effect: Mutation | None) -> bool:
        """Tell the same of `effect`, which is read already; what the run only carries is another run's to send."""
        return (
            self.status == self.Status.FAILED
            and effect is not None
            and effect.run_id == self.pk
            and effect.is_denied_by_person
        )

    @property
    def told_failure(self) -> str:
        """Return why it failed; nothing where that is a person's reason, which stands with their decision."""
        return "" if self.is_sent_again else self.failure_message

    # The phase only moves forward.

    @transition(phase, source=Phase.PREPARING.value, target=Phase.PREPARED.value)
    def set_prepared(self) -> None:
        """`prepare` is done and its events are reserved."""

    @transition(
        phase, source=[Phase.PREPARING.value, Phase.PREPARED.value], target=Phase.MUTATING.value
    )
    def set_mutating(self) -> None:
        """The call is about to leave."""

    @transition(phase, source=Phase.MUTATING.value, target=Phase.MUTATED.value)
    def set_mutated(self) -> None:
        """The outcome is settled: applied, or skipped by a person."""

    @transition(
        phase,
        source=[Phase.PREPARING.value, Phase.PREPARED.value, Phase.MUTATED.value],
        target=Phase.EMITTING.value,
    )
    def set_emitting(self) -> None:
        """What follows is being published."""

    @transition(phase, source=Phase.EMITTING.value, target=Phase.COMMITTED.value)
    def set_committed(self) -> None:
        """All is done."""

    # The status never changes the phase.

    @transition(status, source=Status.ACTIVE.value, target=Status.COMMITTED.value)
    def commit(self) -> None:
        """Done."""

    @transition(status, source=list(OPEN), target=Status.FAILED.value)
    def fail(self, kind: str) -> None:
        """The attempt is over; the outside effect, if any, is known."""
        self.failure_kind = kind

    @transition(status, source=Status.ACTIVE.value, target=Status.CRASHED.value)
    def crash(self) -> None:
        """Its worker died."""

    @transition(
        status, source=[Status.ACTIVE.value, Status.BLOCKED.value], target=Status.RECONCILING.value
    )
    def begin_reconciling(self) -> None:
        """The outcome is unknown; the host asks the outside system."""

    @transition(
        status, source=[Status.ACTIVE.value, Status.RECONCILING.value], target=Status.BLOCKED.value
    )
    def block(self) -> None:
        """The outcome is unknown; only a person can tell."""

    @transition(
        status, source=[Status.RECONCILING.value, Status.BLOCKED.value], target=Status.ACTIVE.value
    )
    def unblock(self) -> None:
        """The outcome is settled; the same run goes on."""


class Reservation(models.Model):
    """A run reserved an event: what it will consume if it commits. Kept for good."""

    run = models.ForeignKey(Run, models.PROTECT, related_name="reservations", db_index=False)
    event = models.ForeignKey(Event, models.PROTECT, related_name="reservations")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "event"], name="one_reservation_per_event"),
        ]
        triggers = guards.append_only()

    def __str__(self) -> str:
        return f"event {self.event_id} by run {self.run_id}"


from workflows_app.models.mutations import Mutation  # noqa: E402 - they refer to each other
