"""Alerts: which messages went to whom, which wait, and why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin
from workflows_app.admin.filters import PlaceFilter
from workflows_app.admin.person_filters import MailFilter
from workflows_app.models import Alert


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ["created", "workflow", "place", "status", "subject", "problem"]
    list_select_related = ["workflow", "person"]
    sortable_by = ["created"]
    dated_by = "created_at"
    list_filter = ["status", "workflow", PlaceFilter, MailFilter]
    filter_parameters = ["status__exact", "workflow__id__exact"]
    fields = [
        "workflow", "place", "status", "subject", "body", "created_at", "ended_at", "attempts",
        "problem", "next_attempt_at",
    ]  # fmt: skip
    hidden_while_empty = {"problem": "problem", "subject": "subject", "body": "body"}

    exported = {
        "alert": "pk",
        "workflow": "workflow.slug",
        "channel": "channel",
        "person": "person",
        "status": "status",
        "subject": "subject",
        "attempts": "attempts",
        "problem": "problem",
        "created_at": "created_at",
        "ended_at": "ended_at",
    }

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave out when it is tried next, of one that is not tried any more."""
        fields = super().get_fields(request, obj)
        is_over = obj is not None and obj.status != Alert.Status.WAITING
        return [name for name in fields if name != "next_attempt_at" or not is_over]

    @display(description=gettext_lazy("to"))
    def place(self, alert: Alert) -> str:
        return alert.channel or _("the e-mail of %(person)s") % {"person": alert.person}
