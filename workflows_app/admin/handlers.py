"""Handlers: the producers and consumers, what they keep of each lane, and when they want to run again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin, pretty_json
from workflows_app.admin.labels import lane_label
from workflows_app.admin.seeing import shown, shown_value
from workflows_app.models import Handler, Workflow
from workflows_app.queries.attention import open_breakers
from workflows_app.queries.lanes import LIMIT, lanes_of


@admin.register(Handler)
class HandlerAdmin(ReadOnlyAdmin):
    change_form_outer_before_template = "workflows_app/handler_explanation.html"
    list_display = ["name", "workflow", "kind", "is_current"]
    list_select_related = ["workflow"]
    list_filter = ["kind", "is_current", "workflow"]
    filter_parameters = ["kind__exact", "is_current__exact", "workflow__id__exact"]
    search_fields = ["name"]
    exported = {
        "workflow": "workflow.slug",
        "handler": "name",
        "kind": "kind",
        "is_current": "is_current",
    }
    fields = [
        "workflow",
        "name",
        "kind",
        "is_current",
        "pretty_state",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Handler]:
        handlers: QuerySet[Handler] = super().get_queryset(request)
        return handlers.select_related("workflow")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        found = list(lanes_of(row)[: LIMIT + 1])
        breaker = open_breakers().filter(handler=row).first()
        lanes = [
            {
                "name": lane_label(state.lane),
                "state": shown(state),
                "is_held_back": breaker is not None and (state.oldest_pending or state.wake_at),
            }
            for state in found[:LIMIT]
        ]
        return {
            "lanes": lanes,
            "has_more": len(found) > LIMIT,
            "breaker": breaker,
            "is_paused": row.workflow.status == Workflow.Status.PAUSED,
        }

    @display(description=_("state"))
    def pretty_state(self, handler: Handler) -> SafeString:
        """Return its state in the lane that it has without naming one; of others, the table tells."""
        return pretty_json(shown_value(handler.state))
