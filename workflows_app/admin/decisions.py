"""Decisions of people: who, what, why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin, link_to
from workflows_app.admin.finding import FoundByWords
from workflows_app.admin.person_filters import PersonFilter
from workflows_app.admin.results import result_of
from workflows_app.models import OperatorAction


@admin.register(OperatorAction)
class OperatorActionAdmin(FoundByWords, ReadOnlyAdmin):
    list_display = ["what", "actor_name", "workflow", "about", "reason", "created"]
    sortable_by = ["created"]
    list_select_related = ["workflow", "event", "run__mutation", "run__carried_mutation"]
    dated_by = "created_at"
    list_filter = ["operation", "workflow", PersonFilter]
    filter_parameters = ["operation__exact", "workflow__id__exact"]
    fields = [
        "operation",
        "actor_name",
        "actor",
        "reason",
        "workflow",
        "about",
        "result",
        "created_at",
        "address",
        "session",
    ]
    hidden_while_empty = {"address": "address", "session": "session"}

    exported = {
        "decision": "pk",
        "operation": "operation",
        "person": "actor_name",
        "workflow": "workflow.slug",
        "run": "run_id",
        "event": "event_id",
        "reason": "reason",
        "created_at": "created_at",
    }

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave out the result of a decision that has none."""
        fields = super().get_fields(request, obj)
        return [name for name in fields if name != "result" or (obj and result_of(obj))]

    @display(description=_("decision"))
    def what(self, action: OperatorAction) -> str:
        label, result = action.get_operation_display(), result_of(action)
        below = format_html('<span class="ops-muted ops-below">{}</span>', result) if result else ""
        return format_html("{}{}", label, below)

    @display(description=_("result"))
    def result(self, action: OperatorAction) -> str:
        return result_of(action)

    @display(description=_("about"))
    def about(self, action: OperatorAction) -> str:
        return link_to(action.event or action.run or action.workflow)
