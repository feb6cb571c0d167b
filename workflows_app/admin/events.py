"""Events: what waits, what was done, and where each came from (P2, P5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.enums import ActionVariant

from workflows_app.admin.base import link_to, pretty_json
from workflows_app.admin.buttons import Button, ButtonsAdmin
from workflows_app.admin.consequences import in_short
from workflows_app.admin.export import Column, ExportedList, json_text
from workflows_app.admin.filters import AgeFilter, LaneFilter, TimeFilter, TopicFilter
from workflows_app.admin.finding import FoundByWords
from workflows_app.admin.graph import drawn
from workflows_app.admin.labels import STATUS_LABELS, lane_label
from workflows_app.admin.saved_filters import SavedFilters
from workflows_app.admin.seeing import seen, shown
from workflows_app.models import Event, Input, OperatorAction, Run
from workflows_app.operations import skip_event
from workflows_app.queries import lineage
from workflows_app.queries.waiting import why_pending

SKIP_EVENT = Button(
    model=Event,
    operation=skip_event,
    label="Skip event",
    permission="skip_event",
    icon="skip_next",
    hint="It shall never be processed.",
    consequence=(
        "No run will ever take this event, in this version and every repair of it. It stays "
        "visible here. This can't be undone."
    ),
    applies=lambda event: event.status == Event.Status.PENDING,
    done="the event is skipped.",
    variant=ActionVariant.WARNING,
    details="workflows_app/dialog_event.html",
    details_of=lambda events: [
        {"value": value, "payload": in_short(value, among=len(events))}
        for value in (shown(event).payload for event in events)
    ],
    carries_seen=True,
)


@admin.register(Event)
class EventAdmin(FoundByWords, ExportedList, SavedFilters, ButtonsAdmin):
    buttons = (SKIP_EVENT,)
    change_form_outer_before_template = "workflows_app/event_explanation.html"
    list_display = ["message_id", "topic", "lane_name", "status_label", "held_by", "created"]
    sortable_by = ["created"]
    list_filter = [
        "status",
        "topic__workflow",
        TopicFilter,
        LaneFilter,
        AgeFilter,
        ("created_at", TimeFilter),
    ]
    list_filter_submit = True
    filter_parameters = ["status__exact", "topic__workflow__id__exact"]
    fields = ["status_label", "held_by", "revision", "pretty_payload"]
    hidden_while_empty = {"held_by": "reserved_by_id"}
    exported = (
        Column("event", lambda event: event.pk),
        Column("workflow", lambda event: event.topic.workflow.slug),
        Column("topic", lambda event: event.topic.name),
        Column("message_id", lambda event: event.message_id),
        Column("lane", lambda event: event.lane),
        Column("status", lambda event: event.status),
        Column("revision", lambda event: event.revision),
        Column("reserved_by", lambda event: event.reserved_by_id),
        Column("created_by", lambda event: event.created_by_id),
        Column("created_at", lambda event: event.created_at),
        Column("payload", lambda event: json_text(event.payload)),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        events: QuerySet[Event] = super().get_queryset(request)
        return events.select_related(
            "topic__workflow", "topic__consumer", "reserved_by", "created_by"
        )

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "story": drawn(row),
            "why": why_pending(row) if row.status == Event.Status.PENDING else "",
            "inputs": seen(Input, lineage.inputs_of_event(row)),
            "runs": seen(Run, lineage.runs_of_event(row)),
            "decisions": seen(OperatorAction, lineage.decisions_on_event(row)),
        }

    @display(description="created", ordering="pk")
    def created(self, event: Event) -> datetime:
        return event.created_at

    @display(description="status", label=STATUS_LABELS)
    def status_label(self, event: Event) -> str:
        return event.get_status_display()

    @display(description="lane")
    def lane_name(self, event: Event) -> str:
        return lane_label(event.lane)

    @display(description="reserved by")
    def held_by(self, event: Event) -> str:
        return link_to(event.reserved_by)

    @display(description="payload")
    def pretty_payload(self, event: Event) -> SafeString:
        return pretty_json(event.payload)
