"""Buttons for many rows of a list at once: a preview with the consequence, one reason, then each.

Each row is a decision of its own, by the same operation as its button: it has its own record, and
may be refused while the others go through.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldBooleanWidget

from workflows_app.admin.confirming import PASSWORD, name_again
from workflows_app.admin.guard import log_refusal
from workflows_app.admin.reasons import ReasonField
from workflows_app.admin.seeing import shown as as_seen
from workflows_app.admin.sessions import must_name_themselves
from workflows_app.admin.visible import visible
from workflows_app.operations import OperationRefused

if TYPE_CHECKING:
    from workflows_app.admin.buttons import Button

#: More than this takes a command: `skip_events` and `resolve_runs`.
AT_MOST = 100
#: The most characters that are told of one refusal.
TOLD_LENGTH = 2_000
#: More refusals than this are counted, not quoted.
QUOTED_AT_MOST = 10
#: How long a page works at them.
SECONDS_AT_MOST = 30.0
CONFIRMED = "confirmed"


class ReasonForm(forms.Form):
    """The one reason, kept with each of the decisions."""

    def __init__(self, request: HttpRequest, button: Button, data: Any = None) -> None:
        super().__init__(data)
        self.fields["reason"] = ReasonField(
            button.reason_label,
            help_text=_("Kept for good with each of them, with your name and the time."),
            required=button.needs_reason,
        )
        if button.tick_for_many:
            self.fields["looked"] = forms.BooleanField(
                label=button.tick_for_many,
                required=False,
                # As in a dialog: it is the browser that sends nothing without it.
                widget=UnfoldBooleanWidget(attrs={"required": True}),
            )
        if must_name_themselves(request):
            self.fields[PASSWORD] = name_again(request)


def bulk_action(button: Button) -> Callable[..., HttpResponse | None]:
    """Return `button` as an action of the list."""

    def press_for_all(
        self: Any, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        if CONFIRMED not in request.POST:
            return _preview(self, request, button, queryset, ReasonForm(request, button))
        # What was previewed, even if it no longer passes the list's filters.
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        rows = self.get_queryset(request).filter(pk__in=chosen).order_by("pk")
        form = ReasonForm(request, button, request.POST)
        if not form.is_valid():
            return _preview(self, request, button, rows, form)
        _press(request, button, list(rows[:AT_MOST]), form.cleaned_data["reason"])
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
        told = _("Choose %(number)s at most. Commands take more at once.") % {"number": AT_MOST}
        messages.error(request, told)
        return None
    fitting = [row for row in found if button.applies(row)]
    applying: list[Any] = [row for row in fitting if not button.asks(row)]
    shown = button.seen_of(applying) if button.carries_seen else {}
    details = button.details_of(applying)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("%(operation)s: %(applying)s of %(chosen)s chosen")
        % {"operation": button.label, "applying": len(applying), "chosen": len(found)},
        "opts": model_admin.model._meta,
        "button": button,
        "action": f"bulk_{button.name}",
        "applying": [
            {"row": as_seen(row), "seen": str(shown.get(row.pk, "")), **told}
            for row, told in zip(applying, details, strict=True)
        ],
        "asking": [as_seen(row) for row in fitting if row not in applying],
        "others": [as_seen(row) for row in found if row not in fitting],
        "form": form,
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "workflows_app/bulk.html", context)


def _press(request: HttpRequest, button: Button, rows: Sequence[Model], reason: str) -> None:
    """Call the operation for each row, and tell how many went through and why others did not.

    Where the outside system is asked first, it may take its time; what it takes for all has an end.
    """
    done, refusals, untried = 0, [], 0
    ends_at = time.monotonic() + SECONDS_AT_MOST
    for row in rows:
        if time.monotonic() > ends_at:
            untried += 1
            continue
        seen = {"seen": request.POST.get(f"seen_{row.pk}") or None} if button.carries_seen else {}
        try:
            button.press(row, actor=request.user, reason=reason, **seen)
        except OperationRefused as refusal:
            refusals.append(refusal)
        else:
            done += 1
    if done:
        told = _("%(operation)s: done for %(number)s.")
        messages.success(request, told % {"operation": button.label, "number": done})
    for quoted in refusals[:QUOTED_AT_MOST]:
        tell_refusal(request, quoted)
    unquoted = len(refusals) - QUOTED_AT_MOST
    if unquoted > 0:
        messages.error(request, _("%(number)s more were refused.") % {"number": unquoted})
    if untried:
        told = _(
            "%(number)s were not tried: the outside system takes long to answer. Choose them again."
        )
        messages.warning(request, told % {"number": untried})


def tell_refusal(request: HttpRequest, refusal: OperationRefused) -> None:
    """Tell the person why nothing was decided, and the log if they may not."""
    messages.error(request, visible(refusal, TOLD_LENGTH))
    if refusal.code == "permission_denied":
        log_refusal(request, refusal.code)
