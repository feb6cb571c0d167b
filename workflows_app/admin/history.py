"""The history of a row: who, when, why, before, after (P4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from simple_history.admin import SimpleHistoryAdmin
from simple_history.models import DeletedObject
from simple_history.template_utils import HistoricalRecordContextHelper

from workflows_app.admin.base import ReadOnlyAdmin, link_to
from workflows_app.admin.history_filters import INTERNAL, asked_for, filtered, filters_of
from workflows_app.admin.seeing import shown as as_seen
from workflows_app.admin.seeing import shown_text, shown_value
from workflows_app.admin.values import facts_of
from workflows_app.admin.visible import row_for_page, visible
from workflows_app.models import OperatorAction
from workflows_app.queries.plain_words import meaning
from workflows_app.queries.recorded import in_readers_words
from workflows_app.templatetags.workflows_app import folded, when

#: So far apart a decision and its history rows may be: its transaction may wait, and clocks may differ.
_TOGETHER = timedelta(days=1)
#: What the host writes of a call that ended with an exception: its name tells a person nothing.
_UNKNOWN = re.compile(
    r"(outcome unknown(?:, and nobody can be asked)?: )(\w+(?:Error|Exception|Answer|Timeout)\b.*)",
    re.DOTALL,
)


class _SeenChanges(HistoricalRecordContextHelper):
    """What changed from what to what, in the words of the pages, as far as the person may see it."""

    def context_for_delta_changes(self, delta: Any) -> list[dict[str, Any]]:
        return [
            {
                "field": capfirst(self.model._meta.get_field(change.field).verbose_name),
                "old": self._shown(change.field, change.old),
                "new": self._shown(change.field, change.new),
            }
            for change in delta.changes
            if change.field not in INTERNAL
        ]

    def _shown(self, name: str, value: Any) -> Any:
        if isinstance(value, dict | list):
            told = facts_of(shown_value(value, about=as_seen(self.record)))
            rows = [f"{fact.label}: {fact.text}" for fact in told.rows]
            return folded("\n".join([*rows, "…"] if told.is_cut else rows))
        choices = dict(getattr(self.model._meta.get_field(name), "flatchoices", ()))
        # The library takes a reference that was empty for one to a row that was deleted.
        is_empty = isinstance(value, DeletedObject) and value.pk is None
        if value is None or value == "" or is_empty:
            return ""
        if isinstance(value, Model):
            return link_to(value)
        if isinstance(value, datetime):
            return when(value)
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if value in choices:
            return str(choices[value]).lower()
        return folded(shown_text(as_seen(self.record), str(value)))


class ReadOnlyHistoryAdmin(SimpleHistoryAdmin, ReadOnlyAdmin):
    """A read-only page with its history, newest first, and each old version to look at."""

    object_history_template = "workflows_app/history_page.html"
    object_history_list_template = "workflows_app/history.html"
    object_history_form_template = "workflows_app/old_version.html"

    @property
    def enforce_history_permissions(self) -> bool:
        return True

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.get_object(request, unquote(object_id)) is None:
            raise Http404(
                _("There is no %(kind)s %(number)s.")
                % {"kind": self.model._meta.verbose_name, "number": object_id}
            )
        of_row = self.model.history.filter(id=unquote(object_id))
        context = {
            **(extra_context or {}),
            "history_filters": filters_of(request, of_row),
            "asked_for": urlencode(asked_for(request)),
        }
        answer: HttpResponse = super().history_view(request, object_id, context)
        return answer

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show an old version. Refuse a POST: the library would save that version as the row."""
        if request.method not in ("GET", "HEAD"):
            raise Http404(_("An old version can't be saved."))
        if not (object_id.isdecimal() and version_id.isdecimal()):
            raise Http404(_("There is no version %(number)s.") % {"number": version_id})
        record = self.model.history.filter(pk=version_id, id=object_id)
        shown = list(record.select_related("history_user"))
        _name_people(shown)
        for each in shown:
            each.history_change_reason = shown_text(as_seen(each), _why(each))
        context = {**(extra_context or {}), "record": shown[0] if shown else None}
        answer: HttpResponse = super().history_form_view(request, object_id, version_id, context)
        return answer

    def get_historical_record_context_helper(
        self, request: HttpRequest, historical_record: Any
    ) -> HistoricalRecordContextHelper:
        return _SeenChanges(self.model, historical_record)

    def get_history_queryset(
        self, request: HttpRequest, history_manager: Any, pk_name: str, object_id: Any
    ) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_history_queryset(
            request, history_manager, pk_name, object_id
        )
        return filtered(request, rows).order_by("-history_id")

    def set_history_delta_changes(
        self, request: HttpRequest, historical_records: Sequence[Any], *args: Any, **kwargs: Any
    ) -> None:
        """Compare each record of the page with the one before it, which the page need not show."""
        records = list(historical_records)
        of_row = self.model.history.filter(id__in={record.id for record in records})
        keys = list(of_row.order_by("history_id").values_list("history_id", flat=True))
        earlier = dict(pairwise(reversed(keys)))
        wanted = {earlier[record.pk] for record in records if record.pk in earlier}
        missing = of_row.filter(pk__in=wanted - {record.pk for record in records})
        known = {record.pk: record for record in records}
        known |= {record.pk: record for record in missing._select_related_history_tracked_objs()}
        for record in records:
            if record.pk in earlier:
                pair = (record, known[earlier[record.pk]])
                super().set_history_delta_changes(request, pair, *args, **kwargs)
        _name_people(records)
        for record in records:
            record.history_change_reason = shown_text(as_seen(record), _why(record))

    def history_view_title(self, request: HttpRequest, obj: Any) -> str:
        return visible(super().history_view_title(request, as_seen(obj)))

    def history_form_view_title(self, request: HttpRequest, obj: Any) -> str:
        return visible(super().history_form_view_title(request, as_seen(obj)))

    def render_history_view(
        self, request: HttpRequest, template: str, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        """Show a row and its old version as the person may see them."""
        if "object" in context:
            context["object"] = row_for_page(as_seen(context["object"]))
        if "adminform" in context:
            form = context["adminform"].form
            form.instance = context["original"] = row_for_page(as_seen(form.instance))
        answer: HttpResponse = super().render_history_view(request, template, context, **kwargs)
        return answer


def _why(record: Any) -> str:
    """Return why it was changed: the host's reason in the reader's language, a person's as the person gave it."""
    reason: str = record.history_change_reason or ""
    if record.history_user_id is not None:
        return reason
    said = _UNKNOWN.fullmatch(reason)
    return in_readers_words(f"{said[1]}{meaning(said[2])}" if said else reason)


def _name_people(records: Sequence[Any]) -> None:
    """Say of each record who it was, by the name that the person had then. One query.

    History refers to the account, which may have another name now. The decision that is told by the same person,
    in the same words, at the same moment, keeps the name as it was.
    """
    by_people = [record for record in records if record.history_user_id is not None]
    names: dict[tuple[Any, str], list[tuple[datetime, str]]] = {}
    if by_people:
        dates = [record.history_date for record in by_people]
        decided = OperatorAction.objects.filter(
            created_at__range=(min(dates) - _TOGETHER, max(dates) + _TOGETHER),
            actor__in={record.history_user_id for record in by_people},
            reason__in={record.history_change_reason for record in by_people},
        )
        for actor, reason, at, name in decided.order_by().values_list(
            "actor", "reason", "created_at", "actor_name"
        ):
            names.setdefault((actor, reason), []).append((at, name))
    for record in records:
        found = names.get((record.history_user_id, record.history_change_reason), [])
        near = [(abs(at - record.history_date), name) for at, name in found]
        nearest = min(near, default=None)
        is_it = nearest is not None and nearest[0] <= _TOGETHER
        record.person_name = nearest[1] if nearest and is_it else record.history_user
