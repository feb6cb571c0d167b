"""Decisions of people: who, what, why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin, link_to
from workflows_app.admin.date_filters import AgeFilter, TimeFilter
from workflows_app.admin.export import Column, ExportedList
from workflows_app.admin.finding import FoundByWords
from workflows_app.admin.results import result_of
from workflows_app.admin.saved_filters import SavedFilters
from workflows_app.models import OperatorAction


@admin.register(OperatorAction)
class OperatorActionAdmin(FoundByWords, ExportedList, SavedFilters, ReadOnlyAdmin):
    list_display = ["what", "actor_name", "workflow", "about", "reason", "created"]
    sortable_by = ["created"]
    list_select_related = ["workflow", "event", "run__mutation", "run__carried_mutation"]
    dated_by = "created_at"
    list_filter = [
        "operation",
        "workflow",
        ("actor", RelatedOnlyFieldListFilter),
        AgeFilter,
        ("created_at", TimeFilter),
    ]
    list_filter_submit = True
    filter_parameters = [
        "operation__exact",
        "workflow__id__exact",
        f"actor__{get_user_model()._meta.pk.name}__exact",
    ]
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

    exported = (
        Column("decision", lambda action: action.pk),
        Column("operation", lambda action: action.operation),
        Column("person", lambda action: action.actor_name),
        Column("workflow", lambda action: action.workflow.slug),
        Column("run", lambda action: action.run_id),
        Column("event", lambda action: action.event_id),
        Column("reason", lambda action: action.reason),
        Column("created_at", lambda action: action.created_at),
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave out the result of a decision that has none."""
        fields = super().get_fields(request, obj)
        return [name for name in fields if name != "result" or (obj and result_of(obj))]

    @display(description=_("created"), ordering="pk")
    def created(self, action: OperatorAction) -> datetime:
        return action.created_at

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
