"""Buttons: each opens a dialog with the consequence and a reason, and calls one operation.

Shown only where the state allows it and the person may. Pressing is POST only, behind the dialog;
a second press is told by the operation what the first one did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from workflows_app.admin.bulk import PREVIEW, bulk_action, preview_of
from workflows_app.admin.dialogs import dialog_action
from workflows_app.admin.history import ReadOnlyHistoryAdmin
from workflows_app.admin.seeing import shown as as_seen
from workflows_app.admin.seeing import shown_text
from workflows_app.deciders import may_decide_about
from workflows_app.errors import OperationRefused
from workflows_app.models import Workflow
from workflows_app.operations.declaration import Operation
from workflows_app.operations.seen import seen_now


@dataclass(frozen=True, kw_only=True, eq=False)
class Button(Operation):
    """One operation, as people press it, and what they see of the row."""

    #: What the dialog shows of the row: a template, and what it needs of each of several rows.
    details: str = ""
    details_of: Callable[[Sequence[Any]], list[dict[str, Any]]] = lambda rows: [{} for _ in rows]
    #: What is to be seen of several rows now, by their keys, as the operation takes it.
    seen_of: Callable[[Sequence[Any]], Mapping[int, Any]] = seen_now
    #: What a person ticks about a row, if it `needs_tick`, before the browser sends the form.
    tick: Callable[[Any], str] = lambda row: ""

    def asks_tick(self, row: Any) -> bool:
        """Tell whether a person ticks something about `row` before they decide."""
        return self.tick_for_many != "" and self.applies(row) and self.needs_tick(row)

    def press(self, row: Any, *, actor: Any, reason: str, **arguments: Any) -> Any:
        """Call the operation about `row`, and return what it returns.

        Raises OperationRefused, which tells no more of what others wrote than the person may see.
        """
        if self.asks_first:
            arguments["probe"] = True
        told = {self.reason_argument: reason}
        try:
            return self.function(self.subject(row), actor=actor, **told, **arguments)
        except OperationRefused as refusal:
            sentence = shown_text(as_seen(row), str(refusal))
            raise OperationRefused(refusal.code, sentence) from None


def button(operation: Operation, **shown: Any) -> Button:
    """Return the button of an operation; `shown`: what else a `Button` tells."""
    return Button(**vars(operation), **shown)


class ButtonsAdmin(ReadOnlyHistoryAdmin):
    """A page with buttons: subclasses list them in `buttons`."""

    buttons: tuple[Button, ...] = ()
    #: The theme's: what is chosen for a decision is what was seen, so never more than a page.
    list_disable_select_all = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.actions_detail = [button.name for button in cls.buttons]
        cls.actions = [bulk_action(button) for button in cls.buttons if button.is_for_many]
        for button in cls.buttons:
            setattr(cls, button.name, dialog_action(button))
            setattr(cls, f"has_{button.permission}_permission", _permission(button))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_{PREVIEW}"
        own: list[URLPattern] = super().get_urls()
        return [path(f"{PREVIEW}/<str:action>/", view, name=name), *own]

    def preview_view(self, request: HttpRequest, action: str) -> HttpResponse:
        """Show what an action would do to the rows that the address names. Decides nothing."""
        return preview_of(self, request, action)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponseBase | None:
        """Press a button for the chosen rows, and for no others, whatever the browser says."""
        sent: Any = request.POST.copy()
        sent.pop("select_across", None)
        request.POST = sent
        answer: HttpResponseBase | None = super().response_action(request, queryset)
        return answer

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """Return the buttons that apply to the state and that the person may press."""
        row = self.get_object(request, unquote(str(object_id)))
        if row is None or not may_decide_about(request.user, _slug_of(row)):
            return []
        applying = {button.name for button in self.buttons if button.applies(row)}
        allowed: list[Any] = super().get_actions_detail(request, object_id)
        return [item for item in allowed if item.method.original_function_name in applying]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Move the buttons from the header to the page, each with its hint beside it."""
        hints = {button.label: button.hint for button in self.buttons}
        shown = context.pop("actions_detail", None) or []
        context["buttons"] = [{**item, "hint": hints[item["title"]]} for item in shown]
        answer: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return answer


def _slug_of(row: Any) -> str:
    """Return the slug of the workflow that `row` belongs to."""
    if isinstance(row, Workflow):
        return str(row.slug)
    holder = row if hasattr(row, "workflow") else getattr(row, "topic", None) or row.handler
    return str(holder.workflow.slug)


def _permission(button: Button) -> Callable[..., bool]:
    """Return the permission as a method.

    A dotted permission in `permissions` would do too, but the theme's system checks look that up
    in the database, and so fail on one that was not migrated yet.
    """

    def has_permission(self: ButtonsAdmin, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(f"workflows_app.{button.permission}")

    return has_permission
