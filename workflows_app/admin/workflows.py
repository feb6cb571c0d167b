"""Workflows: what each does now, and whether new runs may start."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.enums import ActionVariant

from workflows_app.admin.buttons import Button, ButtonsAdmin
from workflows_app.admin.labels import STATUS_LABELS, lane_label
from workflows_app.admin.seeing import may_see, seen
from workflows_app.models import Breaker, Handler, OperatorAction, Run, Topic, Workflow
from workflows_app.operations import pause_workflow, resume_workflow, run_producers_now
from workflows_app.queries import lineage
from workflows_app.queries.attention import open_breakers
from workflows_app.queries.health import topics_with_pending
from workflows_app.queries.lanes import LIMIT, holding_runs, lanes_with_work, with_next_at


def is_active(workflow: Workflow) -> bool:
    return bool(workflow.status == Workflow.Status.ACTIVE)


def can_poll(workflow: Workflow) -> bool:
    """Tell whether the workflow has producers that could run now."""
    producers = workflow.handlers.filter(kind=Handler.Kind.PRODUCER, is_current=True)
    return is_active(workflow) and producers.exists()


@admin.register(Workflow)
class WorkflowAdmin(ButtonsAdmin):
    change_form_outer_before_template = "workflows_app/workflow_explanation.html"
    buttons = (
        Button(
            model=Workflow,
            operation=pause_workflow,
            label="Pause",
            permission="pause_workflow",
            icon="pause",
            hint="No new run shall start.",
            consequence=(
                "No new run of this workflow starts until somebody resumes it. What has begun "
                "outside is still settled."
            ),
            applies=is_active,
            done="no new run will start.",
            variant=ActionVariant.WARNING,
        ),
        Button(
            model=Workflow,
            operation=resume_workflow,
            label="Resume",
            permission="pause_workflow",
            icon="play_arrow",
            hint="New runs may start again.",
            consequence="New runs may start again. What is blocked stays blocked.",
            applies=lambda workflow: not is_active(workflow),
            done="runs start again.",
            variant=ActionVariant.PRIMARY,
        ),
        Button(
            model=Workflow,
            operation=run_producers_now,
            label="Run now",
            permission="run_producers",
            icon="bolt",
            hint="The producers look for new work at once.",
            consequence=(
                "All producers of this workflow look for new work now, whatever their schedule "
                "says."
            ),
            applies=can_poll,
            done="all producers are due.",
        ),
    )
    list_display = ["slug", "title", "status_label", "blocked_label", "active_version"]
    list_filter = ["status"]
    filter_parameters = ["status__exact"]
    search_fields = ["slug", "title"]
    fields = ["slug", "title", "status_label", "active_version", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        return Workflow.objects.with_blocked().select_related("active_version")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        holding = holding_runs(row) if may_see(Run) else Run.objects.none()
        shown = list(holding[:LIMIT])
        number = len(shown) if len(shown) < LIMIT else holding.count()
        return {
            "held": [{"name": lane_label(run.lane), "run": run} for run in shown],
            "held_number": number,
            "held_more": number - len(shown),
            "lanes_number": lanes_with_work(row),
            "at_work": seen(Run, row.runs.filter(status=Run.Status.ACTIVE)[:LIMIT]),
            "breakers": seen(Breaker, open_breakers().filter(handler__workflow=row)),
            "topics": seen(Topic, topics_with_pending(row)),
            "handlers": seen(Handler, with_next_at(row.handlers.filter(is_current=True))),
            "decisions": seen(OperatorAction, lineage.decisions_on_workflow(row)[:20]),
        }

    @display(description="status", label=STATUS_LABELS)
    def status_label(self, workflow: Workflow) -> str:
        return workflow.get_status_display()

    @display(description="blocked", label={"blocked": "danger", "no": "success"})
    def blocked_label(self, workflow: Any) -> str:
        return "blocked" if workflow.blocked else "no"
