"""The dialog of a button: what is known, what follows, a reason, and one call of the operation (P7).

It carries what it showed. What can be put right is said in the dialog, with all that was typed still there; an
answer of the outside system that settled the run is shown in it too, before anybody goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from workflows_app.admin.base import address_of
from workflows_app.admin.bulk import tell_refusal
from workflows_app.admin.confirming import PASSWORD, name_again
from workflows_app.admin.next_page import after, next_for
from workflows_app.admin.reasons import ReasonField
from workflows_app.admin.results import what_came_of_it
from workflows_app.admin.seeing import may_see, shown_text
from workflows_app.admin.seeing import shown as as_seen
from workflows_app.admin.sessions import must_name_themselves
from workflows_app.admin.ticks import Tick
from workflows_app.admin.visible import visible
from workflows_app.models import Evidence, Run
from workflows_app.operations import OperationRefused

if TYPE_CHECKING:
    from workflows_app.admin.buttons import Button
    from workflows_app.operations.declaration import Insisting

#: What the person can put right, or has to look at first.
_CORRECTABLE = ("stale", "contradicted", "result_invalid", "reason_required")
_PAGE = "unfold/helpers/dialog.html"
#: The field with the words beside which a tick was set that depends on what was answered.
_TICKED_ABOUT = "ticked_about"


def dialog_action(button: Button) -> Any:
    """Return `button` as an action of a row's page: GET opens its dialog, POST presses it."""
    form_class = _form(button)
    dialog = {
        "title": button.label,
        "description": button.consequence,
        "form_class": form_class,
        "form_submit_text": button.label,
    }

    def press(self: Any, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        told = form.cleaned_data["reason"]
        try:
            decided = button.press(form.row, actor=request.user, reason=told, **form.arguments)
        except OperationRefused as refusal:
            return _refused(request, form, object_id, refusal)
        came_of_it = what_came_of_it(decided, form.arguments.get("result"))
        told = f"{button.label}: {button.done}{came_of_it}"
        address, told = after(button.code, form.row, request.user, told)
        messages.success(request, told)
        return _lead_to(request, address)

    def _refused(
        request: HttpRequest, form: Any, object_id: str, refusal: OperationRefused
    ) -> HttpResponse:
        row = _find(button.target, object_id)
        if refusal.code in _CORRECTABLE and button.applies(row):
            again: Any = form_class(
                data=_as_seen_now(button, form, row), request=request, object_id=object_id
            )
            again.is_valid()
            again.add_error(None, str(refusal))
            context = {"dialog": dialog, "form": again, "form_submit_text": button.label}
            return render(request, _PAGE, context)
        told = form.cleaned_data["reason"]
        if refusal.code == "contradicted" and request.headers.get("HX-Request"):
            return _answer(request, row, str(refusal), told)
        tell_refusal(request, refusal)
        if told:
            messages.info(request, _("You wrote: “%(reason)s”") % {"reason": visible(told)})
        return _lead_to(request, address_of(row))

    press.__name__ = button.name
    return action(
        description=button.label,
        url_path=button.name.replace("_", "-"),
        permissions=["view", button.permission],
        icon=button.icon,
        variant=ActionVariant(button.weight),
        dialog=dialog,
    )(press)


def _form(button: Button) -> type[BaseDialogForm]:
    class DecisionForm(BaseDialogForm):
        data: Any
        form_before_template = "workflows_app/dialog.html"
        #: What is left out costs no way to the server and back.
        validates_in_browser = True
        reason = ReasonField(button.reason_label, required=button.needs_reason)

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.row = _find(button.target, self.object_id)
            self.arguments: dict[str, Any] = {}
            self.asked = dict(button.asks(self.row))
            reason: Any = self.fields["reason"].widget
            # Some say what the outside system answered.
            reason.offered = button.offered_reasons(self.row) if may_see(Evidence) else []
            told = {name: str(self.data.get(_field_of(name), "")) for name in self.asked}
            self.insisted = button.insists(self.row, told)
            if self.insisted is not None and self.asked:
                self._forget_tick_for_other_answers(self.insisted)
            if button.carries_seen:
                shown = str(button.seen_of([self.row])[self.row.pk])
                self.fields["seen"] = forms.CharField(
                    initial=shown, required=False, widget=forms.HiddenInput
                )
            if button.asks_tick(self.row):
                self.fields["looked"] = Tick(button.tick(self.row))
            if self.insisted is not None:
                # What was answered can be corrected: then the tick is not needed.
                self.fields[self.insisted.argument] = Tick(
                    self.insisted.words, required=not self.asked
                )
            if must_name_themselves(self.request):
                self.fields[PASSWORD] = name_again(self.request)
            for name, label in self.asked.items():
                self.fields[_field_of(name)] = forms.CharField(
                    label=label,
                    widget=UnfoldAdminTextInputWidget(),
                    error_messages={"required": _("Fill this in: %(label)s.") % {"label": label}},
                )
            first = next(iter(self.asked), None)
            if first is not None:
                # The reason comes last: what was found is what the person has at hand.
                self.order_fields([*map(_field_of, self.asked), "reason"])
                self.fields["reason"].widget.attrs.pop("autofocus", None)
                self.fields[_field_of(first)].widget.attrs["autofocus"] = True

        def _forget_tick_for_other_answers(self, insisted: Insisting) -> None:
            """Take only a tick that was set beside the same words: they name the run that it is about."""
            if self.data.get(_TICKED_ABOUT) != insisted.words:
                self.data = self.data.copy()
                self.data.pop(insisted.argument, None)
                self.data[_TICKED_ABOUT] = insisted.words
            self.fields[_TICKED_ABOUT] = forms.CharField(required=False, widget=forms.HiddenInput)

        def clean(self) -> dict[str, Any]:
            cleaned: dict[str, Any] = super().clean() or self.cleaned_data
            if not self.errors and button.applies(self.row):
                answers = {name: cleaned[_field_of(name)] for name in self.asked}
                try:
                    self.arguments = dict(button.answered(self.row, answers))
                except OperationRefused as refusal:
                    # The author's words may tell of what is masked.
                    told = shown_text(as_seen(self.row), str(refusal))
                    raise ValidationError(told) from None
            if button.carries_seen:
                self.arguments["seen"] = cleaned.get("seen") or None
            if self.insisted is not None:
                name = self.insisted.argument
                self.arguments[name] = cleaned.get(name, False)
            return cleaned

        def _other_run(self) -> Run | None:
            """Return the run of which the tick speaks, if that is another."""
            number = self.insisted.other_run if self.insisted is not None else None
            return None if number is None else as_seen(Run.objects.get(pk=number))

        def get_before_template_context(
            self, request: HttpRequest, object_id: int | str | None = None
        ) -> dict[str, Any]:
            return {
                "button": button,
                "row": as_seen(self.row),
                # The theme's dialog shows only what is wrong with one field.
                "problems": self.non_field_errors() if self.is_bound else [],
                "applies": button.applies(self.row),
                "other_run": self._other_run(),
                **button.details_of([self.row])[0],
            }

    return DecisionForm


def _as_seen_now(button: Button, form: Any, row: Any) -> Any:
    """Return what was sent, with what is shown now in place of what was shown before."""
    sent = form.data.copy()
    if "seen" in form.fields:
        sent["seen"] = str(button.seen_of([row])[row.pk])
    return sent


def _answer(request: HttpRequest, row: Run, sentence: str, reason: str) -> HttpResponse:
    """Show in place of the dialog what the outside system said, and what became of it."""
    answer = render(
        request,
        "workflows_app/dialog_answer.html",
        {
            "sentence": sentence,
            "reason": reason,
            "url": address_of(row),
            "next": next_for(request.user, near=row.workflow_id),
        },
    )
    for name, value in (("Retarget", "#dialog"), ("Reselect", "#dialog"), ("Reswap", "outerHTML")):
        answer.headers[f"HX-{name}"] = value
    return answer


def _field_of(name: str) -> str:
    """Return the form's field for what a button asks for: not to be taken for the reason."""
    return f"asked_{name}"


def _find(model: type[Model], object_id: int | str | None) -> Any:
    """Return the row that an address names. Raises Http404."""
    try:
        pk = model._meta.pk.to_python(unquote(str(object_id)))
        return model._default_manager.get(pk=pk)
    except (ValidationError, OverflowError, ObjectDoesNotExist):
        told = _("There is no %(model)s %(number)s.")
        raise Http404(told % {"model": model._meta.verbose_name, "number": object_id}) from None


def _lead_to(request: HttpRequest, url: str) -> HttpResponse:
    """Lead to a page, out of the dialog if it was sent from one."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
