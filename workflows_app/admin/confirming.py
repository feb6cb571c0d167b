"""The field in which a person who logged in long ago gives the password again, to decide."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminPasswordWidget

from workflows_app.admin.sessions import is_password

PASSWORD = "your_password"  # noqa: S105 - the name of a field


class PasswordAgain(forms.CharField):
    """Required. Takes the password of the account that asks, and no other."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(
            label="Your password",
            help_text="You logged in some time ago: say again who you are.",
            strip=False,
            max_length=4096,
            widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
            error_messages={"required": "Give your password: you logged in some time ago."},
        )
        self._request = request

    def clean(self, value: Any) -> str:
        password: str = super().clean(value)
        if not is_password(self._request, password):
            raise ValidationError("This is not your password. Nothing was decided.")
        return password
