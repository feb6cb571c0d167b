"""Filters that ask in a person's words, or whose choices cost one query however many there are."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from workflows_app.models import Run, Topic


class WaitsForFilter(SimpleListFilter):
    """What an unfinished run waits for."""

    title = "waits for"
    parameter_name = "waits"

    CONDITIONS = {
        "person": Run.blocking_filter(),
        "time": Q(owes_retry=True, retry_due_at__isnull=False) | Q(status=Run.Status.RECONCILING),
        "worker": Q(status=Run.Status.ACTIVE),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [("person", "a person"), ("time", "the next attempt"), ("worker", "a worker")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        condition = self.CONDITIONS.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


class TopicFilter(SimpleListFilter):
    """The topic of an event."""

    title = "topic"
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        topics = Topic.objects.select_related("workflow")
        return [(str(topic.pk), str(topic)) for topic in topics]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(topic=int(value)) if value.isdecimal() else queryset
