"""Buttons for many rows of a list at once: a preview with the consequence, one reason, then each.

Each row is a decision of its own, by the same operation as its button: it has its own record, and
may be refused while the others go through.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workflows_app.admin.confirming import PASSWORD, name_again
from workflows_app.admin.guard import log_refusal
from workflows_app.admin.reasons import ReasonField
from workflows_app.admin.seeing import shown as as_seen
from workflows_app.admin.sessions import must_name_themselves
from workflows_app.admin.ticks import Tick
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
#: The address of a preview: below the list, with the keys of its rows, and what the list was filtered by.
PREVIEW, ROWS, QUERY = "together", "rows", "list"
_BETWEEN = "."
_KEY = re.compile(r"\d{1,18}")
_QUERY_LENGTH = 1_000


class ReasonForm(forms.Form):
    """The one reason, kept with each of the decisions."""

    def __init__(
        self, request: HttpRequest, button: Button, rows: Sequence[Any], data: Any = None
    ) -> None:
        super().__init__(data)
        self.fields["reason"] = ReasonField(
            button.reason_label,
            help_text=_("Kept for good with each of them, with your name and the time."),
            required=button.needs_reason,
        )
        if any(button.asks_tick(row) for row in rows):
            self.fields["looked"] = Tick(button.tick_for_many)
        if must_name_themselves(request):
            self.fields[PASSWORD] = name_again(request)


def bulk_action(button: Button) -> Callable[..., HttpResponse | None]:
    """Return `button` as an action of the list."""

    def press_for_all(
        self: Any, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        if CONFIRMED not in request.POST:
            return _preview_chosen(self, request, button, queryset)
        # What was previewed, even if it no longer passes the list's filters.
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        rows = self.get_queryset(request).filter(pk__in=chosen).order_by("pk")
        form = ReasonForm(request, button, (), request.POST)
        if not form.is_valid():
            return preview(
                self, request, button, rows, back=request.get_full_path(), sent=request.POST
            )
        _press(request, button, list(rows[:AT_MOST]), form.cleaned_data["reason"])
        return None

    press_for_all.__name__ = action_of(button)
    # One of several permissions would be enough for Django; the list itself asks for "view".
    return admin.action(description=button.label, permissions=[button.permission])(press_for_all)


def action_of(button: Button) -> str:
    """Return the name of `button` as an action of the list."""
    return f"bulk_{button.name}"


def preview_of(model_admin: Any, request: HttpRequest, action: str) -> HttpResponse:
    """Show the preview that its address names. Raises Http404, and PermissionDenied."""
    buttons = (each for each in model_admin.buttons if each.is_for_many)
    button = next((each for each in buttons if action_of(each) == action), None)
    keys = list(filter(None, request.GET.get(ROWS, "").split(_BETWEEN)))
    if button is None or len(keys) > AT_MOST or not all(map(_KEY.fullmatch, keys)):
        raise Http404(_("There is no such page."))
    may_press = request.user.has_perm(f"workflows_app.{button.permission}")
    if not (may_press and model_admin.has_view_permission(request)):
        raise PermissionDenied
    rows = model_admin.get_queryset(request).filter(pk__in=keys)
    query = request.GET.get(QUERY, "")
    return preview(model_admin, request, button, rows, back=f"{_list_of(model_admin)}?{query}")


def _preview_chosen(
    model_admin: Any, request: HttpRequest, button: Button, rows: QuerySet[Any]
) -> HttpResponse | None:
    """Show the preview of what was chosen, which takes an address of its own: a browser goes back to that, and sends nothing again."""
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[: AT_MOST + 1])
    if len(keys) > AT_MOST:
        told = _("Choose %(number)s at most. Commands take more at once.") % {"number": AT_MOST}
        messages.error(request, told)
        return None
    query = request.META.get("QUERY_STRING", "")
    named = {ROWS: _BETWEEN.join(map(str, keys))}
    # What is too long for an address leads back to the whole list.
    named |= {QUERY: query} if len(query) <= _QUERY_LENGTH else {}
    address = f"{_list_of(model_admin)}{PREVIEW}/{action_of(button)}/?{urlencode(named)}"
    return preview(
        model_admin, request, button, rows, back=request.get_full_path(), address=address
    )


def _without_page(address: str) -> str:
    """Return the address of a list, which Django reads before it presses: by then the list may have fewer pages."""
    path, _, query = address.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query, True) if name != PAGE_VAR]
    return f"{path}?{urlencode(kept)}" if kept else path


def _list_of(model_admin: Any) -> str:
    options = model_admin.opts
    name = f"{options.app_label}_{options.model_name}_changelist"
    return reverse(f"{model_admin.admin_site.name}:{name}")


def preview(
    model_admin: Any,
    request: HttpRequest,
    button: Button,
    rows: QuerySet[Any],
    *,
    back: str,
    address: str = "",
    sent: Any = None,
) -> HttpResponse:
    """Show what would be done to which rows, and ask for the reason.

    `address`: where the same is shown again; `sent`: a reason with which something was wrong.
    """
    found: Sequence[Model] = list(rows.order_by("pk")[:AT_MOST])
    fitting = [row for row in found if button.applies(row)]
    # It reads of all rows in one go what is looked at below.
    told_of = dict(zip(fitting, button.details_of(fitting), strict=True))
    # What is asked or ticked about one row alone is no matter for many.
    applying: list[Any] = [
        row for row in fitting if not button.asks(row) and button.insists(row, {}) is None
    ]
    asking = [row for row in fitting if row not in applying]
    shown = button.seen_of(applying) if button.carries_seen else {}
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("%(operation)s: %(applying)s of %(chosen)s chosen")
        % {"operation": button.label, "applying": len(applying), "chosen": len(found)},
        "opts": model_admin.model._meta,
        "button": button,
        "action": action_of(button),
        "applying": [
            {"row": as_seen(row), "seen": str(shown.get(row.pk, "")), **told_of[row]}
            for row in applying
        ],
        "asking": [{"row": as_seen(row), **told_of[row]} for row in asking],
        "others": [as_seen(row) for row in found if row not in fitting],
        "any_asks_first": any(told_of[row].get("asks_first") for row in applying),
        "form": ReasonForm(request, button, applying, sent),
        "back": back,
        "address": address,
        "sent_to": _without_page(back),
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
        told = ngettext("%(number)s more was refused.", "%(number)s more were refused.", unquoted)
        messages.error(request, told % {"number": unquoted})
    if untried:
        told = ngettext(
            "%(number)s was not tried: the outside system takes long to answer. Choose it again.",
            "%(number)s were not tried: the outside system takes long to answer. Choose them again.",
            untried,
        )
        messages.warning(request, told % {"number": untried})


def tell_refusal(request: HttpRequest, refusal: OperationRefused) -> None:
    """Tell the person why nothing was decided, and the log if they may not."""
    messages.error(request, visible(refusal, TOLD_LENGTH))
    if refusal.code == "permission_denied":
        log_refusal(request, refusal.code)
