"""Buttons: each opens a dialog with the consequence and a reason, and calls one operation.

Shown only where the state allows it and the person may. Pressing is POST only, behind the dialog;
a second press is told by the operation what the first one did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from workflows_app.admin.base import address_of
from workflows_app.admin.bulk import bulk_action, tell_refusal
from workflows_app.admin.confirming import PASSWORD, PasswordAgain
from workflows_app.admin.history import ReadOnlyHistoryAdmin
from workflows_app.admin.sessions import must_name_themselves
from workflows_app.deciders import may_decide_about
from workflows_app.models import Workflow
from workflows_app.operations import OperationRefused


@dataclass(frozen=True)
class Button:
    """One operation, as people press it."""

    model: type[Model]
    operation: Callable[..., Any]
    label: str
    permission: str
    icon: str
    #: When to press it, beside the button.
    hint: str
    #: What it does, in the dialog, in plain words.
    consequence: str
    applies: Callable[[Any], bool]
    done: str
    variant: ActionVariant = ActionVariant.DEFAULT
    #: Shown in red, before the person confirms.
    warning: str = ""
    #: What the dialog shows of the row: a template, and what it needs.
    details: str = ""
    details_context: Callable[[Any], dict[str, Any]] = lambda row: {}
    #: The relations that `details_context` reads, to be read once for many rows.
    details_read: tuple[str, ...] = ()
    #: What the dialog asks for besides the reason: names, and what they are for people.
    asks: Callable[[Any], Mapping[str, str]] = lambda row: {}
    #: Looks at what was answered, and returns what the operation gets of it. Raises OperationRefused.
    answered: Callable[[Any, dict[str, str]], dict[str, Any]] = lambda row, answers: {}

    @property
    def name(self) -> str:
        return self.operation.__name__


class ButtonsAdmin(ReadOnlyHistoryAdmin):
    """A page with buttons: subclasses list them in `buttons`."""

    buttons: tuple[Button, ...] = ()
    #: The theme's: what is chosen for a decision is what was seen, so never more than a page.
    list_disable_select_all = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.actions_detail = [button.name for button in cls.buttons]
        cls.actions = [bulk_action(button) for button in cls.buttons]
        for button in cls.buttons:
            setattr(cls, button.name, _action(button))
            setattr(cls, f"has_{button.permission}_permission", _permission(button))

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


def _action(button: Button) -> Any:
    def press(self: ButtonsAdmin, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        try:
            reason = form.cleaned_data["reason"]
            button.operation(form.row, actor=request.user, reason=reason, **form.arguments)
        except OperationRefused as refusal:
            tell_refusal(request, refusal)
        else:
            messages.success(request, f"{button.label}: {button.done}")
        return _back_to(request, form.row)

    press.__name__ = button.name
    return action(
        description=button.label,
        url_path=button.name.replace("_", "-"),
        permissions=["view", button.permission],
        icon=button.icon,
        variant=button.variant,
        dialog={
            "title": button.label,
            "description": button.consequence,
            "form_class": _form(button),
            "form_submit_text": button.label,
        },
    )(press)


def _form(button: Button) -> type[BaseDialogForm]:
    class ReasonForm(BaseDialogForm):
        form_before_template = "workflows_app/dialog.html"
        reason = forms.CharField(
            label="Why?",
            help_text="Kept for good, with your name and the time.",
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True}),
            error_messages={"required": "Say why: a reason is required."},
        )

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.row = _find(button.model, self.object_id)
            self.arguments: dict[str, Any] = {}
            self.asked = dict(button.asks(self.row))
            if must_name_themselves(self.request):
                self.fields[PASSWORD] = PasswordAgain(self.request)
            for name, label in self.asked.items():
                self.fields[_field_of(name)] = forms.CharField(
                    label=label,
                    widget=UnfoldAdminTextInputWidget(),
                    error_messages={"required": f"Fill this in: {label}."},
                )
            first = next(iter(self.asked), None)
            if first is not None:
                self.fields["reason"].widget.attrs.pop("autofocus")
                self.fields[_field_of(first)].widget.attrs["autofocus"] = True
                self.order_fields([_field_of(name) for name in self.asked])

        def clean(self) -> dict[str, Any]:
            """Let a wrong answer be corrected here, where nothing of what was typed is lost."""
            cleaned: dict[str, Any] = super().clean() or {}
            if not self.errors and button.applies(self.row):
                answers = {name: cleaned[_field_of(name)] for name in self.asked}
                try:
                    self.arguments = button.answered(self.row, answers)
                except OperationRefused as refusal:
                    raise ValidationError(str(refusal)) from None
            return cleaned

        def get_before_template_context(
            self, request: HttpRequest, object_id: int | str | None = None
        ) -> dict[str, Any]:
            return {
                "button": button,
                "row": self.row,
                # The theme's dialog shows only what is wrong with one field.
                "problems": self.non_field_errors() if self.is_bound else [],
                "applies": button.applies(self.row),
                **button.details_context(self.row),
            }

    return ReasonForm


def _field_of(name: str) -> str:
    """Return the form's field for what a button asks for: not to be taken for the reason."""
    return f"asked_{name}"


def _find(model: type[Model], object_id: int | str | None) -> Model:
    """Return the row that an address names. Raises Http404."""
    try:
        pk = model._meta.pk.to_python(unquote(str(object_id)))
        return model._default_manager.get(pk=pk)
    except (ValidationError, OverflowError, ObjectDoesNotExist):
        raise Http404(f"There is no {model._meta.verbose_name} {object_id}.") from None


def _back_to(request: HttpRequest, row: Model) -> HttpResponse:
    """Return to the page of `row`, out of the dialog if it was sent from one."""
    url = address_of(row)
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
