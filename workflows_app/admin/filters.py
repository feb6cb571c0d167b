"""Filters that ask in a person's words, or whose choices cost one query however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import TextFilter

from workflows_app import registry
from workflows_app.conf import LANE_LENGTH
from workflows_app.models import Event, EventWords, Handler, Mutation, Run, Topic, WorkflowVersion
from workflows_app.queries.search import NoTerm, term_of
from workflows_app.queries.search.finding import matching

#: Of effects that the code no longer makes, those that were made last are offered.
_LAST_EFFECTS = 2_000
_MAIN = "main"


class ChoiceFilter(SimpleListFilter):
    """One of several choices, which stays chosen when another filter of the panel is sent."""

    @property
    def lookup_kwarg(self) -> str | None:
        """Return the parameter, as the theme's panel asks for it."""
        return self.parameter_name

    @property
    def lookup_val(self) -> list[str | None]:
        """Return what is chosen, as the theme's panel asks for it."""
        return [self.value()]


class WaitsForFilter(ChoiceFilter):
    """What an unfinished run waits for."""

    title = gettext_lazy("waits for")
    parameter_name = "waits"

    CONDITIONS = {
        "person": Run.blocking_filter(),
        "time": Q(owes_retry=True, retry_due_at__isnull=False) | Q(status=Run.Status.RECONCILING),
        "worker": Q(status=Run.Status.ACTIVE),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [
            ("person", _("a person")),
            ("time", _("the next attempt")),
            ("worker", _("a worker")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        condition = self.CONDITIONS.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


class PollsFilter(ChoiceFilter):
    """Runs of producers that found nothing are left out, unless a person wants them."""

    title = gettext_lazy("empty polls")
    parameter_name = "polls"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [("all", _("shown too")), ("only", _("alone"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        hidden, *others = super().choices(changelist)
        yield {**hidden, "display": _("left out")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # One event of each run that is looked at; by EXISTS PostgreSQL would read all events first.
        first = Event.objects.filter(created_by=OuterRef("pk")).order_by().values("pk")[:1]
        published = IsNull(Subquery(first), False)
        if self.value() == "all":
            return queryset
        # By their keys: a join could begin with all runs.
        producers = list(
            Handler.objects.filter(kind=Handler.Kind.PRODUCER).values_list("pk", flat=True)
        )
        of_producer = Q(handler__in=producers, status=Run.Status.COMMITTED)
        if self.value() == "only":
            return queryset.filter(of_producer & ~Q(published))
        return queryset.filter(~of_producer | Q(published))


class TopicFilter(ChoiceFilter):
    """The topic of an event."""

    title = gettext_lazy("topic")
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        topics = Topic.objects.select_related("workflow")
        return [(str(topic.pk), str(topic)) for topic in topics]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(topic=int(value)) if value.isdecimal() else queryset


class VersionFilter(ChoiceFilter):
    """The version of the code that executed a run."""

    title = gettext_lazy("version")
    parameter_name = "version"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        versions = WorkflowVersion.objects.select_related("workflow")
        return [(str(row.pk), f"{row.workflow.slug} {row}") for row in versions]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(version=int(value)) if value.isdecimal() else queryset


class OutsideFilter(ChoiceFilter):
    """The outside system, by its mutator."""

    title = gettext_lazy("outside system")
    parameter_name = "outside"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        last = Mutation.objects.order_by("-pk").values_list("mutator", flat=True)[:_LAST_EFFECTS]
        names = {each.name for code in registry.all_workflows() for each in code.mutators}
        return [(name, name) for name in sorted({*names, *last})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        field = "mutator" if queryset.model is Mutation else "mutation__mutator"
        return queryset.filter(**{field: self.value()})


class LaneFilter(TextFilter):
    """The lane, by its whole name; “main” is the one without."""

    title = gettext_lazy("lane")
    parameter_name = "lane"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        typed = (self.value() or "").strip()[:LANE_LENGTH]
        if not typed:
            return queryset
        found = queryset.filter(lane="" if typed == _MAIN else typed)
        if queryset.model is not Event or typed == _MAIN:
            return found
        try:
            words = EventWords.objects.filter(matching("words", term_of(typed), begins=False))
        except NoTerm:
            return found
        # Lanes of events that are done have no index of their own.
        return found.filter(pk__in=words.values("pk"))
