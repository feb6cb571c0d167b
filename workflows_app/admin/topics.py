"""Topics: the streams of events, and who takes them."""

from __future__ import annotations

from django.contrib import admin

from workflows_app.admin.base import ReadOnlyAdmin
from workflows_app.models import Topic


@admin.register(Topic)
class TopicAdmin(ReadOnlyAdmin):
    list_display = ["name", "workflow", "consumer"]
    list_select_related = ["workflow", "consumer__workflow"]
    list_filter = ["workflow"]
    filter_parameters = ["workflow__id__exact"]
    search_fields = ["name"]
    exported = {"workflow": "workflow.slug", "topic": "name", "consumer": "consumer.name"}
    fields = ["workflow", "name", "consumer"]
