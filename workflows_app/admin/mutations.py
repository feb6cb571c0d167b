"""The ledger of outside effects, and the evidence about each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from workflows_app.admin.base import folded_json, link_to
from workflows_app.admin.filters import LaneFilter, OutsideFilter, VersionFilter
from workflows_app.admin.finding import FoundByWords
from workflows_app.admin.graph import drawn
from workflows_app.admin.history import ReadOnlyHistoryAdmin
from workflows_app.admin.labels import STATUS_LABELS, state_of
from workflows_app.admin.person_filters import DecidedByFilter
from workflows_app.admin.seeing import seen
from workflows_app.models import Evidence, Input, Mutation, OperatorAction
from workflows_app.queries import lineage
from workflows_app.queries.search import Term
from workflows_app.queries.search.finding import by_key


@admin.register(Mutation)
class MutationAdmin(FoundByWords, ReadOnlyHistoryAdmin):
    change_form_outer_before_template = "workflows_app/mutation_explanation.html"
    list_display = ["__str__", "workflow", "run_link", "status_label", "resolved_by", "sent"]
    sortable_by = ["sent"]
    dated_by = "sent_at"
    list_filter = [
        "status",
        "resolved_by",
        "run__workflow",
        OutsideFilter,
        LaneFilter,
        VersionFilter,
        DecidedByFilter,
    ]
    filter_parameters = ["status__exact", "resolved_by__exact", "run__workflow__id__exact"]
    fields = [
        "mutator",
        "target",
        "run_link",
        "status",
        "resolved_by",
        "resolved_at",
        "sent_at",
        "idempotency_key",
        "reconcile_attempts",
        "next_reconcile_at",
        "params_as_json",
        "result_as_json",
    ]
    hidden_while_empty = {
        "target": "target",
        "resolved_by": "resolved_by",
        "resolved_at": "resolved_at",
        "next_reconcile_at": "next_reconcile_at",
        "result_as_json": "result",
    }

    exported = {
        "mutation": "pk",
        "workflow": "run.workflow.slug",
        "run": "run_id",
        "mutator": "mutator",
        "target": "target",
        "status": "status",
        "resolved_by": "resolved_by",
        "sent_at": "sent_at",
        "resolved_at": "resolved_at",
        "idempotency_key": "idempotency_key",
        "params": "params",
        "result": "result",
    }

    def found_otherwise(self, queryset: QuerySet[Mutation], term: Term) -> QuerySet[Mutation]:
        """Find an effect by its idempotency key, or by the beginning of it."""
        return queryset.filter(by_key(term))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mutation]:
        mutations: QuerySet[Mutation] = super().get_queryset(request)
        return mutations.select_related("run__workflow", "run__handler")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "story": drawn(row),
            "evidence": seen(Evidence, row.evidence.order_by("pk")),
            "inputs": seen(Input, lineage.inputs_of_run(row.run)),
            "decisions": seen(OperatorAction, lineage.decisions_on_run(row.run)),
        }

    @display(description=_("sent"), ordering="pk")
    def sent(self, mutation: Mutation) -> datetime:
        return mutation.sent_at

    @display(description=_("workflow"))
    def workflow(self, mutation: Mutation) -> str:
        return mutation.run.workflow.slug

    @display(description=_("run"))
    def run_link(self, mutation: Mutation) -> str:
        return link_to(mutation.run)

    @display(description=_("status"), label=STATUS_LABELS)
    def status_label(self, mutation: Mutation) -> tuple[str, str]:
        return state_of(mutation), mutation.get_status_display()

    @display(description=_("parameters"))
    def params_as_json(self, mutation: Mutation) -> SafeString:
        return folded_json(mutation.params)

    @display(description=_("result"))
    def result_as_json(self, mutation: Mutation) -> SafeString:
        return folded_json(mutation.result)
