"""Events: what waits, what was done, and where each came from (P2, P5)."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from workflows_app.admin.base import folded_json, link_to
from workflows_app.admin.buttons import ButtonsAdmin, button
from workflows_app.admin.filters import LaneFilter, TopicFilter
from workflows_app.admin.finding import FoundByWords
from workflows_app.admin.graph import drawn
from workflows_app.admin.labels import STATUS_LABELS, lane_label, state_of
from workflows_app.admin.next_page import next_for
from workflows_app.admin.person_filters import DecidedByFilter
from workflows_app.admin.seeing import seen, shown
from workflows_app.admin.ticks import event_is_given_up
from workflows_app.admin.values import in_short
from workflows_app.models import Event, Input, OperatorAction, Run
from workflows_app.operations.skip_event import SKIP_EVENT
from workflows_app.queries import lineage
from workflows_app.queries.waiting import why_pending

_SKIP_EVENT = button(
    SKIP_EVENT,
    tick=event_is_given_up,
    details="workflows_app/dialog_event.html",
    details_of=lambda events: [
        {"value": value, "payload": in_short(value, among=len(events))}
        for value in (shown(event).payload for event in events)
    ],
)


@admin.register(Event)
class EventAdmin(FoundByWords, ButtonsAdmin):
    buttons = (_SKIP_EVENT,)
    change_form_outer_before_template = "workflows_app/event_explanation.html"
    list_display = ["message_id", "topic", "lane_name", "status_label", "held_by", "created"]
    sortable_by = ["created"]
    dated_by = "created_at"
    list_filter = ["status", "topic__workflow", TopicFilter, LaneFilter, DecidedByFilter]
    filter_parameters = ["status__exact", "topic__workflow__id__exact"]
    fields = ["status", "held_by", "revision", "payload_as_json"]
    hidden_while_empty = {"held_by": "reserved_by_id"}
    exported = {
        "event": "pk",
        "workflow": "topic.workflow.slug",
        "topic": "topic.name",
        "message_id": "message_id",
        "lane": "lane",
        "status": "status",
        "revision": "revision",
        "reserved_by": "reserved_by_id",
        "created_by": "created_by_id",
        "created_at": "created_at",
        "payload": "payload",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        events: QuerySet[Event] = super().get_queryset(request)
        return events.select_related(
            "topic__workflow",
            "topic__consumer",
            *(
                f"{run}__{effect}"
                for run in ("reserved_by", "created_by")
                for effect in ("mutation", "carried_mutation")
            ),
        )

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        is_skipped = row.status == Event.Status.SKIPPED
        near = row.topic.workflow_id
        return {
            "next": next_for(request.user, near=near) if is_skipped else None,
            "story": drawn(row),
            "why": why_pending(row) if row.status == Event.Status.PENDING else "",
            "inputs": seen(Input, lineage.inputs_of_event(row)),
            "runs": seen(Run, lineage.runs_of_event(row)),
            "decisions": list(seen(OperatorAction, lineage.decisions_on_event(row))),
        }

    @display(description=_("status"), label=STATUS_LABELS)
    def status_label(self, event: Event) -> tuple[str, str]:
        return state_of(event), event.get_status_display()

    @display(description=_("lane"))
    def lane_name(self, event: Event) -> str:
        return lane_label(event.lane)

    @display(description=_("reserved by"))
    def held_by(self, event: Event) -> str:
        return link_to(event.reserved_by)

    @display(description=_("payload"))
    def payload_as_json(self, event: Event) -> SafeString:
        return folded_json(event.payload)
