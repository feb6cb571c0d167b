"""Handlers: the producers and consumers, their state, and when they want to run again."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin, pretty_json
from workflows_app.models import Handler


@admin.register(Handler)
class HandlerAdmin(ReadOnlyAdmin):
    list_display = ["name", "workflow", "kind", "is_current", "wake_at"]
    list_select_related = ["workflow"]
    list_filter = ["kind", "is_current", "workflow"]
    search_fields = ["name"]
    fields = [
        "workflow",
        "name",
        "kind",
        "is_current",
        "awaits_event",
        "wake_at",
        "pretty_state",
    ]

    @display(description="state")
    def pretty_state(self, handler: Handler) -> SafeString:
        return pretty_json(handler.state)
