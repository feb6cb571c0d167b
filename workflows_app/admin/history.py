"""The history of a row: who, when, why, before, after (P4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin
from simple_history.template_utils import HistoricalRecordContextHelper

from workflows_app.admin.base import ReadOnlyAdmin
from workflows_app.admin.seeing import may_see


class _SeenChanges(HistoricalRecordContextHelper):
    """Names a row that a change is about by its number, if the person may not see such rows."""

    def prepare_delta_change_value(self, change: Any, value: Any) -> Any:
        shown = super().prepare_delta_change_value(change, value)
        if isinstance(shown, Model) and not may_see(type(shown)):
            return f"{shown._meta.verbose_name} {shown.pk}"
        return shown


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
            raise Http404(f"There is no {self.model._meta.verbose_name} {object_id}.")
        answer: HttpResponse = super().history_view(request, object_id, extra_context)
        return answer

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show an old version. Refuse a POST: the library would save that version as the row."""
        if request.method not in ("GET", "HEAD"):
            raise Http404("An old version can't be saved.")
        if not (object_id.isdecimal() and version_id.isdecimal()):
            raise Http404(f"There is no version {version_id}.")
        record = self.model.history.filter(pk=version_id, id=object_id)
        context = {**(extra_context or {}), "record": record.select_related("history_user").first()}
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
        return rows.order_by("-history_id")

    def set_history_delta_changes(
        self, request: HttpRequest, historical_records: Sequence[Any], *args: Any, **kwargs: Any
    ) -> None:
        """Compare each record of the page with the one before it, which may be on the next page."""
        records = list(historical_records)
        if records:
            oldest = records[-1]
            before = self.model.history.filter(id=oldest.id, history_id__lt=oldest.history_id)
            related = before._select_related_history_tracked_objs()
            records.extend(related.order_by("-history_id")[:1])
        super().set_history_delta_changes(request, records, *args, **kwargs)
