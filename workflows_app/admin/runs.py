"""Runs: what is blocked and why, and everything that a person needs to settle it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from workflows_app.admin.base import link_to, pretty_json
from workflows_app.admin.buttons import ButtonsAdmin
from workflows_app.admin.filters import WaitsForFilter
from workflows_app.admin.labels import STATUS_LABELS, lane_label
from workflows_app.admin.run_buttons import RUN_BUTTONS
from workflows_app.admin.seeing import may_see, seen
from workflows_app.models import Event, Evidence, Input, Mutation, OperatorAction, Run
from workflows_app.queries.explanation import Explanation, explain
from workflows_app.queries.lanes import lane_in_words


def _seen(explanation: Explanation) -> Explanation:
    """Return what the person may see of it."""
    sees_call, sees_evidence = may_see(Mutation), may_see(Evidence)
    # What holds up a run that has not failed is what the outside said.
    sees_why = sees_evidence or explanation.run.failure_kind or not explanation.why
    steps = explanation.verification_steps
    return replace(
        explanation,
        mutation=explanation.mutation if sees_call else None,
        evidence=list(seen(Evidence, explanation.evidence)),
        late=explanation.late if sees_evidence else None,
        why=explanation.why if sees_why else "You may not see evidence.",
        verification_steps=steps if sees_call else "You may not see outside effects.",
        inputs=list(seen(Input, explanation.inputs)),
        reserved=list(seen(Event, explanation.reserved)),
        suspects=list(seen(Event, explanation.suspects)),
        published=list(seen(Event, explanation.published)),
        decisions=list(seen(OperatorAction, explanation.decisions)),
    )


@admin.register(Run)
class RunAdmin(ButtonsAdmin):
    buttons = RUN_BUTTONS
    change_form_outer_before_template = "workflows_app/run_explanation.html"
    list_display = [
        "number",
        "what",
        "workflow",
        "handler_name",
        "lane_name",
        "status_label",
        "phase",
        "started_at",
    ]
    list_filter = [WaitsForFilter, "status", "failure_kind", "workflow"]
    filter_parameters = ["status__exact", "failure_kind__exact", "workflow__id__exact"]
    search_fields = ["title", "lane"]
    search_help_text = "A run's number, or words of its title or lane"
    fields = [
        "status_label",
        "phase",
        "workflow_link",
        "handler_name",
        "lane_name",
        "version",
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        runs: QuerySet[Run] = super().get_queryset(request)
        return runs.select_related(
            "workflow", "handler", "version", "retry_of", "mutation", "carried_mutation"
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave out what was prepared, if the person may not see what went in and what was to go out."""
        fields = super().get_fields(request, obj)
        return [name for name in fields if name != "prepared" or may_see(Event, Mutation)]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        """Find by words of the title, and a run by its number."""
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        number = search_term.strip()
        if number.isdecimal():
            found |= queryset.filter(pk=number)
        return found, has_duplicates

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
            explanation = explain(run)
            context["explanation"] = shown = _seen(explanation)
            context["lane"] = lane_in_words(run.lane)
            context["skippable"] = any(
                event.status == Event.Status.PENDING for event in explanation.reserved
            )
            if shown.mutation is not None:
                context["params"] = pretty_json(shown.mutation.params)
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

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

    @display(description="workflow")
    def workflow_link(self, run: Run) -> str:
        return link_to(run.workflow)

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
        return format_html(
            "<details><summary>For the maintainers of the workflow</summary>"
            '<pre class="ops-json">{}</pre></details>',
            run.failure_traceback,
        )

    @display(description="prepare result")
    def prepared(self, run: Run) -> SafeString:
        return pretty_json(run.prepare_result)
