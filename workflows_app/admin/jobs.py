"""The queue's jobs, to look at. Its own admin would offer to cancel and abort them without a reason."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from procrastinate.contrib.django.models import ProcrastinateJob
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin, pretty_json

if admin.site.is_registered(ProcrastinateJob):
    admin.site.unregister(ProcrastinateJob)


@admin.register(ProcrastinateJob)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["id", "task_name", "status", "lock", "attempts", "scheduled_at"]
    list_filter = ["status", "queue_name", "task_name"]
    filter_parameters = ["status__exact", "queue_name", "task_name"]
    search_fields = ["=id", "=lock"]
    search_help_text = _("A job's number, or its lock, as in workflow:1")
    ordering = ["-id"]
    exported = {
        "job": "id",
        "task": "task_name",
        "args": "args",
        "status": "status",
        "queue": "queue_name",
        "lock": "lock",
        "attempts": "attempts",
        "scheduled_at": "scheduled_at",
    }
    fields = [
        "id",
        "task_name",
        "pretty_args",
        "status",
        "queue_name",
        "lock",
        "queueing_lock",
        "priority",
        "attempts",
        "scheduled_at",
    ]

    @display(description=_("arguments"))
    def pretty_args(self, job: ProcrastinateJob) -> SafeString:
        return pretty_json(job.args)
