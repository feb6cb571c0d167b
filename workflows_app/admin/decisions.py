"""Decisions of people: who, what, why."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter
from django.contrib.auth import get_user_model
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin, link_to
from workflows_app.models import OperatorAction


@admin.register(OperatorAction)
class OperatorActionAdmin(ReadOnlyAdmin):
    list_display = ["operation", "actor_name", "workflow", "about", "reason", "created_at"]
    list_select_related = ["workflow", "event", "run"]
    list_filter = ["operation", "workflow", ("actor", RelatedOnlyFieldListFilter)]
    filter_parameters = [
        "operation__exact",
        "workflow__id__exact",
        f"actor__{get_user_model()._meta.pk.name}__exact",
    ]
    search_fields = ["reason"]
    search_help_text = "Words of the reason"
    fields = [
        "operation",
        "actor_name",
        "actor",
        "reason",
        "workflow",
        "about",
        "created_at",
        "address",
        "session",
    ]
    hidden_while_empty = {"address": "address", "session": "session"}

    @display(description="about")
    def about(self, action: OperatorAction) -> str:
        return link_to(action.event or action.run or action.workflow)
