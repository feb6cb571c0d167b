"""Decisions of people: who, what, why."""

from __future__ import annotations

from django.contrib import admin
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin, link_to
from workflows_app.models import OperatorAction


@admin.register(OperatorAction)
class OperatorActionAdmin(ReadOnlyAdmin):
    list_display = ["operation", "actor", "workflow", "about", "reason", "created_at"]
    list_select_related = ["actor", "workflow", "event", "run"]
    list_filter = ["operation", "workflow", "actor"]
    search_fields = ["reason"]
    search_help_text = "Words of the reason"
    fields = ["operation", "actor", "reason", "workflow", "about", "created_at"]

    @display(description="about")
    def about(self, action: OperatorAction) -> str:
        return link_to(action.event or action.run or action.workflow)
