"""Buttons for many rows of a list at once: a preview with the consequence, one reason, then each.

Each row is a decision of its own, by the same operation as its button: it has its own record, and
may be refused while the others go through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextareaWidget

from workflows_app.admin.confirming import PASSWORD, PasswordAgain
from workflows_app.admin.guard import log_refusal
from workflows_app.admin.sessions import must_name_themselves
from workflows_app.operations import OperationRefused

if TYPE_CHECKING:
    from workflows_app.admin.buttons import Button

#: More than this takes a command: `skip_events` and `resolve_runs`.
AT_MOST = 100
#: More refusals than this are counted, not quoted.
QUOTED_AT_MOST = 10
CONFIRMED = "confirmed"


class ReasonForm(forms.Form):
    """The one reason, kept with each of the decisions."""

    reason = forms.CharField(
        label="Why?",
        help_text="Kept for good with each of them, with your name and the time.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}),
        error_messages={"required": "Say why: a reason is required."},
    )

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data)
        if must_name_themselves(request):
            self.fields[PASSWORD] = PasswordAgain(request)


def bulk_action(button: Button) -> Callable[..., HttpResponse | None]:
    """Return `button` as an action of the list."""

    def press_for_all(
        self: Any, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        if CONFIRMED not in request.POST:
            return _preview(self, request, button, queryset, ReasonForm(request))
        # What was previewed, even if it no longer passes the list's filters.
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        rows = self.get_queryset(request).filter(pk__in=chosen).order_by("pk")
        form = ReasonForm(request, request.POST)
        if not form.is_valid():
            return _preview(self, request, button, rows, form)
        _press(request, button, rows[:AT_MOST], form.cleaned_data["reason"])
        return None

    press_for_all.__name__ = f"bulk_{button.name}"
    # One of several permissions would be enough for Django; the list itself asks for "view".
    return admin.action(description=button.label, permissions=[button.permission])(press_for_all)


def _preview(
    model_admin: Any, request: HttpRequest, button: Button, rows: QuerySet[Any], form: ReasonForm
) -> HttpResponse | None:
    """Show what would be done to which rows, and ask for the reason."""
    found: Sequence[Model] = list(rows.order_by("pk")[: AT_MOST + 1])
    if len(found) > AT_MOST:
        messages.error(request, f"Choose {AT_MOST} at most. Commands take more at once.")
        return None
    fitting = [row for row in found if button.applies(row)]
    applying = [row for row in fitting if not button.asks(row)]
    prefetch_related_objects(applying, *button.details_read)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"{button.label}: {len(applying)} of {len(found)} chosen",
        "opts": model_admin.model._meta,
        "button": button,
        "action": f"bulk_{button.name}",
        "applying": [{"row": row, **button.details_context(row)} for row in applying],
        "asking": [row for row in fitting if row not in applying],
        "others": [row for row in found if row not in fitting],
        "form": form,
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "workflows_app/bulk.html", context)


def _press(request: HttpRequest, button: Button, rows: QuerySet[Any], reason: str) -> None:
    """Call the operation for each row, and tell how many went through and why others did not."""
    done, refusals = 0, []
    for row in rows:
        try:
            button.operation(row, actor=request.user, reason=reason)
        except OperationRefused as refusal:
            refusals.append(refusal)
        else:
            done += 1
    if done:
        messages.success(request, f"{button.label}: done for {done}.")
    for told in refusals[:QUOTED_AT_MOST]:
        tell_refusal(request, told)
    if len(refusals) > QUOTED_AT_MOST:
        messages.error(request, f"{len(refusals) - QUOTED_AT_MOST} more were refused.")


def tell_refusal(request: HttpRequest, refusal: OperationRefused) -> None:
    """Tell the person why nothing was decided, and the log if they may not."""
    messages.error(request, str(refusal))
    if refusal.code == "permission_denied":
        log_refusal(request, refusal.code)
