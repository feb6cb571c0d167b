"""Alerts: which messages went to whom, which wait, and why."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin
from workflows_app.models import Alert


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "workflow", "place", "status", "subject", "problem"]
    list_select_related = ["workflow", "person"]
    list_filter = ["status"]
    filter_parameters = ["status__exact"]
    fields = [
        "workflow", "place", "status", "subject", "body", "created_at", "ended_at", "attempts",
        "problem", "next_attempt_at",
    ]  # fmt: skip
    hidden_while_empty = {"problem": "problem", "subject": "subject", "body": "body"}

    @display(description=gettext_lazy("to"))
    def place(self, alert: Alert) -> str:
        return alert.channel or _("the e-mail of %(person)s") % {"person": alert.person}
