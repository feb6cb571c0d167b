"""Runs: what is blocked and why, and everything that a person needs to settle it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from workflows_app.admin.base import link_to, pretty_json
from workflows_app.admin.filters import (
    HandlerFilter,
    LaneFilter,
    OutcomeFilter,
    OutsideFilter,
    PollsFilter,
    TopicFilter,
    VersionFilter,
    WaitsForFilter,
)
from workflows_app.admin.finding import FoundByWords
from workflows_app.admin.graph import drawn
from workflows_app.admin.labels import STATUS_LABELS, lane_label, state_of_run
from workflows_app.admin.looking import LooksOutside
from workflows_app.admin.person_filters import DecidedByFilter, TakenByFilter
from workflows_app.admin.run_buttons import RUN_BUTTONS
from workflows_app.admin.run_page import as_seen, put_decisions
from workflows_app.admin.search import SearchPage
from workflows_app.admin.seeing import may_see
from workflows_app.admin.visible import visible
from workflows_app.admin.way_out import SKIP_EVENTS
from workflows_app.models import Event, Evidence, Mutation, Run
from workflows_app.queries.explanation import explain
from workflows_app.queries.lanes import lane_in_words
from workflows_app.queries.recorded import in_readers_words
from workflows_app.queries.search import Term
from workflows_app.queries.taking import late_answers


@admin.register(Run)
class RunAdmin(SearchPage, FoundByWords, LooksOutside):
    buttons = (*RUN_BUTTONS, SKIP_EVENTS)
    when_empty = gettext_lazy("There is nothing here yet. Polls that found nothing are left out.")
    change_form_outer_before_template = "workflows_app/run_explanation.html"
    list_display = [
        "number",
        "what",
        "workflow",
        "handler_name",
        "lane_name",
        "status_label",
        "started",
    ]
    sortable_by = ["started"]
    dated_by = "started_at"
    list_filter = [
        WaitsForFilter,
        "status",
        "failure_kind",
        "workflow",
        OutsideFilter,
        OutcomeFilter,
        HandlerFilter,
        TopicFilter,
        LaneFilter,
        VersionFilter,
        TakenByFilter,
        DecidedByFilter,
        PollsFilter,
    ]
    filter_parameters = ["status__exact", "failure_kind__exact", "workflow__id__exact"]
    fields = [
        "status_in_words",
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

    exported = {
        "run": "pk",
        "workflow": "workflow.slug",
        "handler": "handler.name",
        "version": "version",
        "lane": "lane",
        "title": "title",
        "status": "status",
        "phase": "phase",
        "failure": "failure_kind",
        "message": "told_failure",
        "retry_of": "retry_of_id",
        "started_at": "started_at",
        "ended_at": "ended_at",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        runs: QuerySet[Run] = super().get_queryset(request)
        return runs.select_related(
            "workflow", "handler", "version", "retry_of", "mutation", "carried_mutation"
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Have with each run of the list the answer about it that came too late. One query more."""
        listed: Any = super().get_changelist_instance(request)
        late = late_answers(listed.result_list) if may_see(Evidence, Mutation) else {}
        for run in listed.result_list:
            run.late = late.get(run.pk)
        return listed

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave out what was prepared, if the person may not see what went in and what was to go out."""
        fields = super().get_fields(request, obj)
        hidden = set() if may_see(Event, Mutation) else {"prepared"}
        if obj is not None and obj.is_sent_again:
            # Nothing went wrong with it: a person has said how it stands.
            hidden |= {"failure", "traceback"}
        return [name for name in fields if name not in hidden]

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
            context["explanation"] = as_seen(explain(run))
            context["story"] = drawn(run)
            context["lane"] = visible(lane_in_words(run.lane))
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Tell decisions from remarks, and of those that are not offered why not."""
        answer: Any = super().render_change_form(request, context, *args, **kwargs)
        explanation = context.get("explanation")
        if explanation is not None:
            put_decisions(answer.context_data, explanation, request.user)
        shown: HttpResponse = answer
        return shown

    @display(description=gettext_lazy("started"), ordering="pk")
    def started(self, run: Run) -> datetime:
        return run.started_at

    @display(description=gettext_lazy("run"))
    def number(self, run: Run) -> str:
        return f"{run.pk}"

    @display(description=gettext_lazy("what"))
    def what(self, run: Any) -> str:
        title, late = run.title or "–", run.late
        if late is None or not (run.status in Run.OPEN or late.contradicts):
            return title
        mark = "consumed" if late.verdict == Evidence.Verdict.APPLIED else "failed"
        told = _("answered after all: %(verdict)s") % {"verdict": late.get_verdict_display()}
        return format_html('{} <span class="ops-state ops-state-{}">{}</span>', title, mark, told)

    @display(description=gettext_lazy("handler"))
    def handler_name(self, run: Run) -> str:
        return run.handler.name

    @display(description=gettext_lazy("lane"))
    def lane_name(self, run: Run) -> str:
        return lane_label(run.lane)

    @display(description=gettext_lazy("retry of"))
    def retry_of_link(self, run: Run) -> str:
        return link_to(run.retry_of, _("run %(number)s") % {"number": run.retry_of_id})

    @display(description=gettext_lazy("status"), label=STATUS_LABELS)
    def status_label(self, run: Run) -> tuple[str, str]:
        return state_of_run(run)

    @display(description=gettext_lazy("status"))
    def status_in_words(self, run: Run) -> str:
        return state_of_run(run)[1]

    @display(description=gettext_lazy("failure"))
    def failure(self, run: Run) -> str:
        return _("%(kind)s, while %(phase)s: %(message)s") % {
            "kind": run.get_failure_kind_display(),
            "phase": Run.Phase(run.failure_phase).label.lower(),
            "message": in_readers_words(run.failure_message),
        }

    @display(description=gettext_lazy("traceback"))
    def traceback(self, run: Run) -> SafeString:
        text = format_html('<pre class="ops-json">{}</pre>', visible(run.failure_traceback))
        return _for_maintainers(text)

    @display(description=gettext_lazy("prepare result"))
    def prepared(self, run: Run) -> SafeString:
        return _for_maintainers(pretty_json(run.prepare_result))


def _for_maintainers(shown: SafeString) -> SafeString:
    """Return what those who decide need not read, folded."""
    summary = _("For the maintainers of the workflow")
    return format_html(
        '<details class="ops-fold"><summary>{}</summary>{}</details>', summary, shown
    )
