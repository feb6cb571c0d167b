"""Workflows: what each does now, and whether new runs may start."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from workflows_app import registry
from workflows_app.admin.buttons import ButtonsAdmin, button
from workflows_app.admin.filters import BlockedFilter, RetiredFilter
from workflows_app.admin.labels import STATUS_LABELS, in_words, lane_label, state_of
from workflows_app.admin.seeing import may_see, may_see_why, seen, shown, shown_text
from workflows_app.models import Breaker, Handler, OperatorAction, Run, Topic, Workflow
from workflows_app.operations.pause_workflow import PAUSE_WORKFLOW
from workflows_app.operations.resume_workflow import RESUME_WORKFLOW
from workflows_app.operations.retire_workflow import RETIRE_WORKFLOW
from workflows_app.operations.run_producers_now import RUN_PRODUCERS_NOW
from workflows_app.queries import lineage
from workflows_app.queries.attention import open_breakers
from workflows_app.queries.health import topics_with_pending
from workflows_app.queries.lane_numbers import NOTHING, lane_numbers
from workflows_app.queries.lanes import LIMIT, holding_runs, with_next_at


def _as_seen(run: Any) -> Any:
    """Return a run that holds a lane as the person may see it, and why it does."""
    seen_run = shown(run)
    seen_run.why = shown_text(seen_run, run.why)
    seen_run.sees_why = may_see_why(run, run.why)
    return seen_run


def _retired(workflow: Workflow) -> OperatorAction | None:
    """Return the decision by which the workflow has ended, if it has."""
    if workflow.retired_at is None:
        return None
    ended = OperatorAction.objects.filter(
        workflow=workflow, operation=OperatorAction.Operation.RETIRE_WORKFLOW
    )
    return next(iter(seen(OperatorAction, ended.order_by("-pk")[:1])), None)


def _not_in_code(workflow: Workflow) -> str:
    """Say of a workflow whose code is gone what stands in the way of its end, or that nothing does."""
    if workflow.retired_at is not None or registry.get(workflow.slug) is not None:
        return ""
    refusal = RETIRE_WORKFLOW.refusal(workflow)
    return refusal.sentence if refusal is not None else _("It holds nothing: Retire ends it.")


@admin.register(Workflow)
class WorkflowAdmin(ButtonsAdmin):
    change_form_outer_before_template = "workflows_app/workflow_explanation.html"
    buttons = (
        button(PAUSE_WORKFLOW),
        button(RESUME_WORKFLOW),
        button(RUN_PRODUCERS_NOW),
        button(RETIRE_WORKFLOW),
    )
    list_display = ["slug", "title", "status_label", "blocked_label", "active_version"]
    list_filter = ["status", BlockedFilter, RetiredFilter]
    filter_parameters = ["status__exact"]
    search_fields = ["slug", "title"]
    exported = {
        "workflow": "slug",
        "title": "title",
        "status": "status",
        "blocked": "blocked",
        "version": "active_version",
        "created_at": "created_at",
        "retired_at": "retired_at",
    }
    fields = ["slug", "title", "status_in_words", "active_version", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        return Workflow.objects.with_blocked().select_related("active_version")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        numbers = lane_numbers(row).get(row.pk, NOTHING)
        held = [_as_seen(run) for run in holding_runs(row, LIMIT)] if may_see(Run) else []
        number = numbers.held.number if held else 0
        return {
            "retired": _retired(row),
            "not_in_code": _not_in_code(row),
            "held": [{"name": lane_label(run.lane), "run": run} for run in held],
            "held_number": number,
            "held_more": number - len(held),
            "lanes_number": numbers.with_work,
            "at_work": seen(Run, row.runs.filter(Run.at_work())[:LIMIT]),
            "in_line": seen(Run, row.runs.filter(~Run.at_work(), status=Run.Status.ACTIVE)[:LIMIT]),
            "breakers": seen(Breaker, open_breakers().filter(handler__workflow=row)),
            "topics": seen(Topic, topics_with_pending(row)),
            "handlers": seen(Handler, with_next_at(row.handlers.filter(is_current=True))),
            "decisions": seen(OperatorAction, lineage.decisions_on_workflow(row)[:20]),
        }

    @display(description=gettext_lazy("status"), label=STATUS_LABELS)
    def status_label(self, workflow: Workflow) -> tuple[str, str]:
        return state_of(workflow), self.status_in_words(workflow)

    @display(description=gettext_lazy("status"))
    def status_in_words(self, workflow: Workflow) -> str:
        """Return how it stands, as its page says it."""
        return in_words(workflow)

    @display(description=gettext_lazy("blocked"), label={"blocked": "danger", "no": "success"})
    def blocked_label(self, workflow: Any) -> tuple[str, str]:
        return ("blocked", _("blocked")) if workflow.blocked else ("no", _("no"))
