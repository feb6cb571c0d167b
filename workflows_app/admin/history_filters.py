"""Filters above the history of a row: by the person who changed it, and by what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import BooleanField, F, Func, QuerySet, Window
from django.db.models.functions import Lag
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _

#: How the host keeps its place: it tells nobody who reads a history what was decided, or what came of it.
INTERNAL = (
    *("phase", "failure_phase", "fencing_token", "failure_traceback", "prepare_result"),
    *("idempotency_key", "earlier_failures", "earlier_crashes", "carried_mutation"),
    *("reconcile_attempts", "secret_names", "source_digest"),
)
_PERSON, _CHANGED, _NOBODY = "person", "changed", "none"
#: Of a row that changed more often, the newest changes say what can be chosen.
_LOOKED_AT = 2_000


@dataclass(frozen=True)
class Choice:
    """One value of a filter, as a link."""

    label: str
    address: str
    is_chosen: bool


@dataclass(frozen=True)
class Filter:
    """One filter, with its choices; the first one is not to filter."""

    title: str
    choices: list[Choice]


class _Differs(Func):
    template = "(%(expressions)s)"
    arg_joiner = " IS DISTINCT FROM "
    output_field = BooleanField()


def filtered(request: HttpRequest, history: QuerySet[Any]) -> QuerySet[Any]:
    """Return of the history of one row what the address asks for: all of it, if that is nothing that it knows."""
    found, person, changed = history, request.GET.get(_PERSON), request.GET.get(_CHANGED)
    if changed in _fields(history.model):
        differing = _with_changes(history, [changed]).filter(**{f"new_{changed}": True})
        found = found.filter(pk__in=differing.values("pk"))
    if person == _NOBODY:
        return found.filter(history_user=None)
    try:
        key = get_user_model()._meta.pk.to_python(person) if person else None
    except ValidationError:
        key = None
    return found if key is None else found.filter(history_user=key)


def filters_of(request: HttpRequest, history: QuerySet[Any]) -> list[Filter]:
    """Return the filters that tell the newest records of one row apart. Two queries."""
    name = f"history_user__{get_user_model().USERNAME_FIELD}"
    plain = history.select_related(None).order_by("-history_id")
    newest = plain.filter(pk__in=plain.values("pk")[:_LOOKED_AT]).order_by()
    people = dict(newest.values_list("history_user", name).distinct())
    names = {
        str(_NOBODY if key is None else key): str(_("no person") if key is None else person)
        for key, person in sorted(people.items(), key=lambda item: (item[1] is None, str(item[1])))
    }
    labels = _fields(history.model)
    changes = _with_changes(newest, labels).values_list(*(f"new_{field}" for field in labels))
    changed = [any(column) for column in zip(*changes.distinct(), strict=True)]
    fields = dict(compress(labels.items(), changed))
    filters = (
        _filter(request, _PERSON, _("Who"), names),
        _filter(request, _CHANGED, _("What changed"), fields),
    )
    return [each for each in filters if len(each.choices) > 2]


def asked_for(request: HttpRequest) -> dict[str, str]:
    """Return what the address of a history says of its filters."""
    return {name: str(request.GET[name]) for name in (_PERSON, _CHANGED) if name in request.GET}


def _filter(request: HttpRequest, name: str, title: str, labels: Mapping[str, str]) -> Filter:
    """Return a filter with a link for each choice, which leaves the other filter as it is."""
    others = asked_for(request)
    chosen = others.pop(name, "")
    chosen = chosen if chosen in labels else ""
    return Filter(
        title,
        [
            Choice(
                label=label,
                address=f"?{urlencode({**others, **({name: value} if value else {})})}",
                is_chosen=value == chosen,
            )
            for value, label in {"": _("All"), **labels}.items()
        ],
    )


def _fields(model: Any) -> dict[str, str]:
    """Return the fields of a row that its history keeps, and what people call them."""
    own = model.instance_type._meta
    return {
        field.name: capfirst(str(field.verbose_name))
        for field in model.tracked_fields
        if field.name not in (own.pk.name, *INTERNAL)
    }


def _with_changes(history: QuerySet[Any], fields: Iterable[str]) -> QuerySet[Any]:
    """Return the records of one row but its first, each with whether a field was another before it."""
    in_order = F("history_id").asc()
    compared = {
        f"new_{name}": _Differs(F(name), Window(Lag(name), order_by=in_order)) for name in fields
    }
    earlier = Window(Lag("history_id"), order_by=in_order)
    rows: QuerySet[Any] = history.select_related(None).order_by()
    found: QuerySet[Any] = rows.annotate(earlier=earlier, **compared)
    return found.filter(earlier__isnull=False)
