"""The ledger of outside effects, and the evidence about each."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from workflows_app.admin.base import link_to, pretty_json
from workflows_app.admin.history import ReadOnlyHistoryAdmin
from workflows_app.admin.labels import STATUS_LABELS
from workflows_app.admin.seeing import seen
from workflows_app.models import Evidence, Input, Mutation, OperatorAction
from workflows_app.queries import lineage


@admin.register(Mutation)
class MutationAdmin(ReadOnlyHistoryAdmin):
    change_form_outer_before_template = "workflows_app/mutation_explanation.html"
    list_display = ["__str__", "workflow", "run_link", "status_label", "resolved_by", "sent_at"]
    list_filter = ["status", "resolved_by", "run__workflow"]
    filter_parameters = ["status__exact", "resolved_by__exact", "run__workflow__id__exact"]
    search_fields = ["target", "mutator__exact", "idempotency_key__exact"]
    search_help_text = "Words of the target, a whole mutator, or a whole idempotency key"
    fields = [
        "mutator",
        "target",
        "run_link",
        "status_label",
        "resolved_by",
        "resolved_at",
        "sent_at",
        "idempotency_key",
        "reconcile_attempts",
        "next_reconcile_at",
        "pretty_params",
        "pretty_result",
    ]
    hidden_while_empty = {
        "target": "target",
        "resolved_by": "resolved_by",
        "resolved_at": "resolved_at",
        "next_reconcile_at": "next_reconcile_at",
        "pretty_result": "result",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mutation]:
        mutations: QuerySet[Mutation] = super().get_queryset(request)
        return mutations.select_related("run__workflow", "run__handler")

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "evidence": seen(Evidence, row.evidence.order_by("pk")),
            "inputs": seen(Input, lineage.inputs_of_run(row.run)),
            "decisions": seen(OperatorAction, lineage.decisions_on_run(row.run)),
        }

    @display(description="workflow")
    def workflow(self, mutation: Mutation) -> str:
        return mutation.run.workflow.slug

    @display(description="run")
    def run_link(self, mutation: Mutation) -> str:
        return link_to(mutation.run)

    @display(description="status", label=STATUS_LABELS)
    def status_label(self, mutation: Mutation) -> str:
        return mutation.get_status_display()

    @display(description="parameters")
    def pretty_params(self, mutation: Mutation) -> SafeString:
        return pretty_json(mutation.params)

    @display(description="result")
    def pretty_result(self, mutation: Mutation) -> SafeString:
        return pretty_json(mutation.result)
