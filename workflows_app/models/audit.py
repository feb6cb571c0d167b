"""The decisions of people (P4)."""

from __future__ import annotations

from typing import TypeAlias

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext as _

from workflows_app.models import guards
from workflows_app.models.decisions import OperationName
from workflows_app.models.events import Event
from workflows_app.models.mutations import Evidence
from workflows_app.models.runs import Run
from workflows_app.models.words import word_index
from workflows_app.models.workflows import Workflow


class OperatorAction(models.Model):
    """One decision of one person: what, on what, why. Append-only."""

    Operation: TypeAlias = OperationName

    #: What says something and changes no state.
    REMARKS = (OperationName.TAKE_RUN.value, OperationName.ADD_NOTE.value)
    #: What orders the call of the run that retries: no breaker holds it back.
    ORDERS = (OperationName.IT_DIDNT_HAPPEN.value, OperationName.RETRY_FAILED_RUN.value)

    operation = models.CharField(max_length=20, choices=OperationName.choices)
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
        return _("%(operation)s by %(person)s") % {
            "operation": self.get_operation_display(),
            "person": self.actor_name,
        }
