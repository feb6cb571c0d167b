"""Filters that ask in a person's words, or whose choices cost one query however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import IsNull
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import TextFilter

from workflows_app import registry
from workflows_app.admin.seeing import masked_names, may_see, shown
from workflows_app.conf import LANE_LENGTH
from workflows_app.models import (
    Alert,
    Event,
    EventWords,
    Handler,
    Mutation,
    Reservation,
    Run,
    Topic,
    WorkflowVersion,
)
from workflows_app.queries.search import NoTerm, term_of
from workflows_app.queries.search.finding import matching

#: Of effects that the code no longer makes, and of channels, those that had one of the last rows are offered.
_LAST_ROWS = 2_000
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


class LeftOutFilter(ChoiceFilter):
    """Rows of some kind are left out, unless a person wants them."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [("all", _("shown too")), ("only", _("alone"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        hidden, *others = super().choices(changelist)
        yield {**hidden, "display": _("left out")}
        yield from others


class RetiredFilter(LeftOutFilter):
    """Workflows that have ended are left out, unless a person wants them."""

    title = gettext_lazy("retired")
    parameter_name = "retired"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(retired_at__isnull=self.value() != "only")


class PollsFilter(LeftOutFilter):
    """Runs of producers that found nothing are left out, unless a person wants them."""

    title = gettext_lazy("empty polls")
    parameter_name = "polls"

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


class RowFilter(ChoiceFilter):
    """One of the rows of a model that workflows have a few of each."""

    rows: type[Topic | Handler | WorkflowVersion]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        rows = self.rows._default_manager.select_related("workflow")
        return [(str(row.pk), self.name_of(row)) for row in rows]

    def name_of(self, row: Any) -> str:
        return str(row)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if not value.isdecimal():
            return queryset
        return queryset.filter(**{path_of(queryset, str(self.parameter_name)): int(value)})


class TopicFilter(RowFilter):
    """The topic of an event, or of the events that a run took."""

    title = gettext_lazy("topic")
    parameter_name = "topic"
    rows = Topic

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        if queryset.model is not Run or not value.isdecimal():
            return super().queryset(request, queryset)
        took = Reservation.objects.filter(run=OuterRef("pk"), event__topic=int(value))
        return queryset.filter(Exists(took))


class HandlerFilter(RowFilter):
    """The handler of a run."""

    title = gettext_lazy("handler")
    parameter_name = "handler"
    rows = Handler


class VersionFilter(RowFilter):
    """The version of the code that executed a run, or sent an effect."""

    title = gettext_lazy("version")
    parameter_name = "version"
    rows = WorkflowVersion

    def name_of(self, row: WorkflowVersion) -> str:
        return f"{row.workflow.slug} {row}"


class OfEffectFilter(ChoiceFilter):
    """What its outside effect tells of a run: people who may not see effects are offered none of it."""

    #: The field of the effect.
    field: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return self.offered() if may_see(Mutation) else []

    def offered(self) -> list[tuple[Any, str]]:
        """Return the choices, for who may see effects."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value() or not may_see(Mutation):
            return queryset
        if queryset.model is Mutation:
            return queryset.filter(**{self.field: self.value()})
        own = Q(**{f"mutation__{self.field}": self.value()})
        # What is still unknown no other run carries; for that alone there is an index.
        is_carried = self.value() not in Mutation.UNKNOWN
        carried = Q(**{f"carried_mutation__{self.field}": self.value()})
        return queryset.filter(own | carried if is_carried else own)


class OutcomeFilter(OfEffectFilter):
    """What became of the outside effect of a run."""

    field = "status"

    title = gettext_lazy("outcome")
    parameter_name = "outcome"

    def offered(self) -> list[tuple[Any, str]]:
        return [(value, str(label)) for value, label in Mutation.Status.choices]


class BlockedFilter(ChoiceFilter):
    """Workflows of which something waits for a person, or for a new version."""

    title = gettext_lazy("blocked")
    parameter_name = "blocked"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        return [("yes", _("yes")), ("no", _("no"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = {"yes": True, "no": False}.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(blocked=chosen)


class PlaceFilter(ChoiceFilter):
    """Where a message went: a channel, or people. Of channels those are offered that had one lately."""

    title = gettext_lazy("to")
    parameter_name = "place"
    _PEOPLE = "-"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        last = Alert.objects.order_by("-pk").values_list("channel", flat=True)[:_LAST_ROWS]
        channels = sorted(filter(None, set(last)))
        return [*((name, name) for name in channels), (self._PEOPLE, _("people, by e-mail"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        return queryset.filter(channel="" if self.value() == self._PEOPLE else self.value())


def path_of(rows: QuerySet[Any], name: str) -> str:
    """Return where rows of a list have what is the run's, or their own: outside effects have a run."""
    return f"run__{name}" if rows.model is Mutation else name


class OutsideFilter(OfEffectFilter):
    """The outside system, by its mutator."""

    field = "mutator"
    title = gettext_lazy("outside system")
    parameter_name = "outside"

    def offered(self) -> list[tuple[Any, str]]:
        last = Mutation.objects.order_by("-pk").values_list("mutator", flat=True)[:_LAST_ROWS]
        names = {each.name for code in registry.all_workflows() for each in code.mutators}
        return [(name, name) for name in sorted({*names, *last})]


class LaneFilter(TextFilter):
    """The lane, by its whole name; “main”, as lists call it, is the one without."""

    title = gettext_lazy("lane")
    parameter_name = "lane"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        typed = (self.value() or "").strip()[:LANE_LENGTH]
        if not typed:
            return queryset
        # A lane may be called so, too.
        lanes = ["", typed] if typed in (_MAIN, _("main")) else [typed]
        path = path_of(queryset, "lane")
        if masked_names():
            lanes = [lane for lane in lanes if _is_shown(_in_lanes(queryset, path, [lane]), lane)]
        return _in_lanes(queryset, path, lanes)


def _in_lanes(rows: QuerySet[Any], path: str, lanes: list[str]) -> QuerySet[Any]:
    """Return the rows of `lanes`, by their words if they are events of one: done ones have no index by their lane."""
    rows = rows.filter(**{f"{path}__in": lanes})
    if rows.model is not Event or len(lanes) != 1 or not lanes[0]:
        return rows
    try:
        words = EventWords.objects.filter(matching("words", term_of(lanes[0]), begins=False))
    except NoTerm:
        return rows
    return rows.filter(pk__in=words.values("pk"))


def _is_shown(rows: QuerySet[Any], lane: str) -> bool:
    """Tell whether the newest of `rows` shows its lane to the person: nobody finds out what is masked for them."""
    newest = rows.order_by("-pk").first()
    seen_row = newest if newest is None else shown(newest)
    holder = getattr(seen_row, "run", seen_row)
    return holder is not None and holder.lane == lane
