"""Versions: what was deployed, when, by whom."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from workflows_app.admin.history import ReadOnlyHistoryAdmin
from workflows_app.admin.person_filters import PersonFilter
from workflows_app.models import WorkflowVersion


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnlyHistoryAdmin):
    list_display = ["__str__", "workflow", "kind", "actor", "created_at"]
    list_select_related = ["workflow", "actor"]
    dated_by = "created_at"
    list_filter = ["kind", "workflow", PersonFilter]
    filter_parameters = ["kind__exact", "workflow__id__exact"]
    search_fields = ["workflow__slug", "note"]
    search_help_text = _("Words of the slug or the note")
    exported = {
        "workflow": "workflow.slug",
        "major": "major",
        "minor": "minor",
        "kind": "kind",
        "note": "note",
        "person": "actor",
        "source_digest": "source_digest",
        "created_at": "created_at",
    }
    fields = [
        "workflow",
        "major",
        "minor",
        "kind",
        "source_digest",
        "note",
        "actor",
        "created_at",
    ]
