"""The field in which a person says why, in dialogs and in previews of many.

What people often say is offered beside it: one press takes it over, and the words are the person's (`pages.js`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from workflows_app.admin.visible import visible
from workflows_app.lazy_text import StrOrPromise
from workflows_app.operations import OperationRefused
from workflows_app.operations.declaration import WHY
from workflows_app.operations.texts import MISSING, TEXT_LENGTH, checked_text

KEPT = _("Kept for good, with your name and the time.")


class ReasonWidget(UnfoldAdminTextareaWidget):
    """A text area, with what is `offered` below it."""

    offered: Sequence[StrOrPromise] = ()

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        field: SafeString = super().render(name, value, attrs, renderer)
        button = '<button type="button" class="ops-offer" data-ops-offer="{}">{}</button>'
        offers = format_html_join("", button, ((name, each) for each in self.offered))
        if not offers:
            return field
        label = _("Often said")
        return format_html(
            '{}<span class="ops-offers" role="group" aria-label="{}">{}</span>',
            field,
            label,
            offers,
        )


class ReasonField(forms.CharField):
    """Required unless it is said otherwise. Takes what the operations take, and says what is wrong with it."""

    def __init__(
        self,
        label: StrOrPromise = WHY,
        *,
        help_text: StrOrPromise = KEPT,
        required: bool = True,
    ) -> None:
        super().__init__(
            label=label,
            help_text=help_text,
            required=required,
            widget=ReasonWidget(attrs={"rows": 3, "autofocus": True, "maxlength": TEXT_LENGTH}),
            error_messages={"required": MISSING},
        )

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if not text:
            return ""
        try:
            return checked_text(text)
        except OperationRefused as refusal:
            raise ValidationError(visible(refusal)) from None
