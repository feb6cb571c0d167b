"""The decisions of people (P4)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from workflows_app.models import guards
from workflows_app.models.events import Event
from workflows_app.models.mutations import Evidence
from workflows_app.models.runs import Run
from workflows_app.models.words import word_index
from workflows_app.models.workflows import Workflow


class OperatorAction(models.Model):
    """One decision of one person: what, on what, why. Append-only."""

    class Operation(models.TextChoices):
        SKIP_EVENT = "skip_event", "Skip event"
        TRY_AGAIN = "try_again", "Try again"
        IT_HAPPENED = "it_happened", "It happened"
        IT_DIDNT_HAPPEN = "it_didnt_happen", "It didn't happen"
        SKIP_RUN = "skip_run", "Skip"
        DECIDE_NOW = "decide_now", "Decide now"
        RETRY_FAILED_RUN = "retry_failed_run", "Retry now"
        PAUSE_WORKFLOW = "pause_workflow", "Pause"
        RESUME_WORKFLOW = "resume_workflow", "Resume"
        RUN_PRODUCERS_NOW = "run_producers_now", "Run now"
        CLOSE_BREAKER = "close_breaker", "Send again"
        TAKE_RUN = "take_run", "Take"
        ADD_NOTE = "add_note", "Note"

    #: What says something and changes no state.
    REMARKS = (Operation.TAKE_RUN.value, Operation.ADD_NOTE.value)

    operation = models.CharField(max_length=20, choices=Operation.choices)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    #: The account may be given another name, and another person.
    actor_name = models.CharField("person", max_length=254)
    #: Of the web request: empty for a command, or for code. The session is a digest.
    address = models.CharField(max_length=64, blank=True)
    session = models.CharField(max_length=64, blank=True)
    #: Empty only where somebody takes a run and says no more.
    reason = models.TextField(blank=True)
    workflow = models.ForeignKey(Workflow, models.PROTECT, related_name="operator_actions")
    event = models.ForeignKey(
        Event, models.PROTECT, null=True, blank=True, related_name="operator_actions"
    )
    run = models.ForeignKey(
        Run, models.PROTECT, null=True, blank=True, related_name="operator_actions"
    )
    #: The newest evidence that the person was shown (P7). Empty: there was none.
    evidence_seen = models.ForeignKey(
        Evidence, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        permissions = [("approve_batch", "Can confirm what another person proposed")]
        indexes = [
            word_index("decision_words", "actor_name", "reason"),
            BrinIndex(
                fields=["created_at"], name="action_by_date", autosummarize=True, pages_per_range=32
            ),
        ]
        triggers = guards.append_only()

    def __str__(self) -> str:
        return f"{self.get_operation_display()} by {self.actor_name}"
