"""Circuit breakers: of which consumers the calls are held back, since when, and when one is tried."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from workflows_app.admin.base import link_to
from workflows_app.admin.buttons import ButtonsAdmin, button
from workflows_app.admin.labels import STATUS_LABELS, state_of
from workflows_app.admin.seeing import may_see, seen, shown_text
from workflows_app.models import Breaker, Evidence, Mutation, Run, Workflow
from workflows_app.operations.close_breaker import CLOSE_BREAKER
from workflows_app.queries.attention import last_unknown_runs

_SHORT = {"open": _("open"), "half_open": _("half open"), "closed": _("closed")}


@admin.register(Breaker)
class BreakerAdmin(ButtonsAdmin):
    change_form_outer_before_template = "workflows_app/breaker_explanation.html"
    buttons = (button(CLOSE_BREAKER, details="workflows_app/dialog_breaker.html"),)
    list_display = ["consumer", "workflow", "status_label", "unknowns", "opened_at", "trial_at"]
    list_select_related = ["handler__workflow"]
    list_filter = ["status", "handler__workflow"]
    filter_parameters = ["status__exact", "handler__workflow__id__exact"]
    search_fields = ["handler__name"]
    search_help_text = _("A part of the consumer's name")
    exported = {
        "workflow": "handler.workflow.slug",
        "consumer": "handler.name",
        "status": "status",
        "unknowns": "unknowns",
        "openings": "openings",
        "opened_at": "opened_at",
        "trial_at": "trial_at",
    }
    fields = [
        "workflow_link",
        "consumer_link",
        "status_in_full",
        "unknowns",
        "openings",
        "opened_at",
        "trial_at",
    ]
    hidden_while_empty = {"opened_at": "opened_at", "trial_at": "trial_at"}

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        sees_evidence = may_see(Mutation, Evidence)
        runs: list[Any] = list(seen(Run, last_unknown_runs(row)))
        for run in runs:
            run.told = shown_text(run, run.told) if sees_evidence else ""
        is_paused = row.handler.workflow.status == Workflow.Status.PAUSED
        return {"runs": runs, "is_paused": is_paused}

    @display(description=_("consumer"))
    def consumer(self, breaker: Breaker) -> str:
        return breaker.handler.name

    @display(description=_("workflow"))
    def workflow(self, breaker: Breaker) -> str:
        return breaker.handler.workflow.slug

    @display(description=_("workflow"))
    def workflow_link(self, breaker: Breaker) -> SafeString | str:
        return link_to(breaker.handler.workflow)

    @display(description=_("consumer"))
    def consumer_link(self, breaker: Breaker) -> SafeString | str:
        return link_to(breaker.handler, breaker.handler.name)

    @display(description=_("status"), label=STATUS_LABELS)
    def status_label(self, breaker: Breaker) -> tuple[str, str]:
        # The choices' labels say more than fits into a list.
        return state_of(breaker), str(_SHORT[breaker.status])

    @display(description=_("status"))
    def status_in_full(self, breaker: Breaker) -> str:
        return breaker.get_status_display()
