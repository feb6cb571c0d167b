"""Runs: what is blocked and why, and everything that a person needs to settle it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from workflows_app.admin.base import link_to, pretty_json
from workflows_app.admin.buttons import ButtonsAdmin
from workflows_app.admin.export import Column, ExportedList
from workflows_app.admin.filters import (
    LaneFilter,
    OutsideFilter,
    PollsFilter,
    StartedFilter,
    TimeFilter,
    VersionFilter,
    WaitsForFilter,
)
from workflows_app.admin.finding import FoundByWords
from workflows_app.admin.graph import drawn
from workflows_app.admin.labels import STATUS_LABELS, lane_label
from workflows_app.admin.not_offered import not_offered
from workflows_app.admin.run_buttons import RUN_BUTTONS
from workflows_app.admin.saved_filters import SavedFilters
from workflows_app.admin.search import SearchPage
from workflows_app.admin.seeing import may_see, seen, shown, shown_text
from workflows_app.admin.visible import visible
from workflows_app.admin.way_out import SKIP_EVENTS
from workflows_app.models import Event, Evidence, Input, Mutation, OperatorAction, Run
from workflows_app.queries.explanation import Explanation, explain
from workflows_app.queries.fates import Fate
from workflows_app.queries.lanes import lane_in_words
from workflows_app.queries.search import Term


def _seen(explanation: Explanation) -> Explanation:
    """Return what the person may see of it."""
    sees_call, sees_evidence = may_see(Mutation), may_see(Evidence)
    run = explanation.run
    # What holds up a run that has not failed is what the outside said.
    sees_why = sees_evidence or explanation.run.failure_kind or not explanation.why
    steps = shown_text(run, explanation.verification_steps)
    url = shown_text(run, explanation.verification_url)
    return replace(
        explanation,
        mutation=explanation.mutation if sees_call else None,
        evidence=list(seen(Evidence, explanation.evidence)),
        late=shown(explanation.late) if sees_evidence else None,
        why=shown_text(run, explanation.why) if sees_why else "You may not see evidence.",
        in_words=[shown_text(run, each) for each in explanation.in_words if sees_evidence],
        verification_steps=steps if sees_call else "You may not see outside effects.",
        verification_url=url if sees_call else "",
        inputs=list(seen(Input, explanation.inputs)),
        reserved=[
            Fate(shown(fate.event), shown(fate.by))
            for fate in explanation.reserved
            if may_see(Event)
        ],
        suspects=list(seen(Event, explanation.suspects)),
        published=list(seen(Event, explanation.published)),
        decisions=list(seen(OperatorAction, explanation.decisions)),
        notes=list(seen(OperatorAction, explanation.notes)),
        attempts=[shown(attempt) for attempt in explanation.attempts],
        taking=explanation.taking if may_see(OperatorAction) else None,
    )


#: What says something about a run and decides nothing: it stands apart from the decisions.
_REMARKS = {OperatorAction.Operation(name).label for name in OperatorAction.REMARKS}


@admin.register(Run)
class RunAdmin(SearchPage, FoundByWords, ExportedList, SavedFilters, ButtonsAdmin):
    buttons = (*RUN_BUTTONS, SKIP_EVENTS)
    change_form_outer_before_template = "workflows_app/run_explanation.html"
    list_display = [
        "number",
        "what",
        "workflow",
        "handler_name",
        "lane_name",
        "status_label",
        "phase",
        "started",
    ]
    sortable_by = ["started"]
    list_filter = [
        WaitsForFilter,
        "status",
        "failure_kind",
        "workflow",
        OutsideFilter,
        LaneFilter,
        VersionFilter,
        PollsFilter,
        StartedFilter,
        ("started_at", TimeFilter),
    ]
    list_filter_submit = True
    filter_parameters = ["status__exact", "failure_kind__exact", "workflow__id__exact"]
    fields = [
        "status_label",
        "phase",
        "lane_name",
        "retry_of_link",
        "started_at",
        "ended_at",
        "retry_due_at",
        "failure",
        "traceback",
        "prepared",
    ]
    hidden_while_empty = {
        "retry_of_link": "retry_of_id",
        "ended_at": "ended_at",
        "retry_due_at": "retry_due_at",
        "failure": "failure_kind",
        "traceback": "failure_traceback",
        "prepared": "prepare_result",
    }

    exported = (
        Column("run", lambda run: run.pk),
        Column("workflow", lambda run: run.workflow.slug),
        Column("handler", lambda run: run.handler.name),
        Column("version", lambda run: str(run.version)),
        Column("lane", lambda run: run.lane),
        Column("title", lambda run: run.title),
        Column("status", lambda run: run.status),
        Column("phase", lambda run: run.phase),
        Column("failure", lambda run: run.failure_kind),
        Column("message", lambda run: run.failure_message),
        Column("retry_of", lambda run: run.retry_of_id),
        Column("started_at", lambda run: run.started_at),
        Column("ended_at", lambda run: run.ended_at),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        runs: QuerySet[Run] = super().get_queryset(request)
        return runs.select_related(
            "workflow", "handler", "version", "retry_of", "mutation", "carried_mutation"
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave out what was prepared, if the person may not see what went in and what was to go out."""
        fields = super().get_fields(request, obj)
        return [name for name in fields if name != "prepared" or may_see(Event, Mutation)]

    def found_otherwise(self, queryset: QuerySet[Run], term: Term) -> QuerySet[Run]:
        """Find a run by its number, and by its lane."""
        by_lane = Q(lane=term.text, status__in=Run.OPEN)
        return queryset.filter(by_lane | Q(pk=term.number) if term.number is not None else by_lane)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if run is not None and self.has_view_permission(request, run):
            context["explanation"] = _seen(explain(run))
            context["story"] = drawn(run)
            context["lane"] = visible(lane_in_words(run.lane))
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Tell decisions from remarks, and of those that are not offered why not."""
        answer: Any = super().render_change_form(request, context, *args, **kwargs)
        told, explanation = answer.context_data, context.get("explanation")
        if explanation is not None:
            offered = told["buttons"]
            told["remarks"] = [item for item in offered if item["title"] in _REMARKS]
            told["buttons"] = [item for item in offered if item["title"] not in _REMARKS]
            labels = {item["title"] for item in offered}
            told["not_offered"] = not_offered(explanation, request.user, labels)
        shown: HttpResponse = answer
        return shown

    @display(description="started", ordering="pk")
    def started(self, run: Run) -> datetime:
        return run.started_at

    @display(description="run")
    def number(self, run: Run) -> str:
        return f"{run.pk}"

    @display(description="what")
    def what(self, run: Run) -> str:
        return run.title or "–"

    @display(description="handler")
    def handler_name(self, run: Run) -> str:
        return run.handler.name

    @display(description="lane")
    def lane_name(self, run: Run) -> str:
        return lane_label(run.lane)

    @display(description="retry of")
    def retry_of_link(self, run: Run) -> str:
        return link_to(run.retry_of, f"run {run.retry_of_id}")

    @display(description="status", label=STATUS_LABELS)
    def status_label(self, run: Run) -> str:
        return run.get_status_display()

    @display(description="failure")
    def failure(self, run: Run) -> str:
        return f"{run.get_failure_kind_display()}, while {run.failure_phase}: {run.failure_message}"

    @display(description="traceback")
    def traceback(self, run: Run) -> SafeString:
        text = format_html('<pre class="ops-json">{}</pre>', visible(run.failure_traceback))
        return _for_maintainers(text)

    @display(description="prepare result")
    def prepared(self, run: Run) -> SafeString:
        return _for_maintainers(pretty_json(run.prepare_result))


def _for_maintainers(shown: SafeString) -> SafeString:
    """Return what those who decide need not read, folded."""
    summary = "For the maintainers of the workflow"
    return format_html(
        '<details class="ops-fold"><summary>{}</summary>{}</details>', summary, shown
    )
