"""Inputs: what started it, and all that came of it (P5)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from workflows_app.admin.base import ReadOnlyAdmin
from workflows_app.admin.finding import FoundByWords
from workflows_app.admin.graph import drawn
from workflows_app.admin.seeing import seen
from workflows_app.models import Event, Input, Mutation, OperatorAction, Run
from workflows_app.queries import lineage


@admin.register(Input)
class InputAdmin(FoundByWords, ReadOnlyAdmin):
    change_form_outer_before_template = "workflows_app/input_explanation.html"
    list_display = ["__str__", "workflow", "source", "type", "external_id", "created"]
    sortable_by = ["created"]
    dated_by = "created_at"
    list_select_related = ["workflow"]
    list_filter = ["workflow"]
    filter_parameters = ["workflow__id__exact"]
    fields = ["workflow", "source", "type", "external_id", "title", "created_at"]
    exported = {
        "input": "pk",
        "workflow": "workflow.slug",
        "source": "source",
        "type": "type",
        "external_id": "external_id",
        "title": "title",
        "created_at": "created_at",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Input]:
        inputs: QuerySet[Input] = super().get_queryset(request)
        return inputs.select_related("workflow")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "story": drawn(row),
            "events": seen(Event, lineage.events_of_input(row)),
            "runs": seen(Run, lineage.runs_of_input(row)),
            "mutations": seen(Mutation, lineage.mutations_of_input(row)),
            "decisions": seen(OperatorAction, lineage.decisions_on_input(row)),
        }
