"""The field in which a person who logged in long ago says again who they are, to decide."""

from __future__ import annotations

from typing import Any

from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminPasswordWidget

from workflows_app.admin.sessions import is_password, must_name_themselves

PASSWORD = "your_password"  # noqa: S105 - the name of a field
#: The app with which people may have no password here.
LOGIN = "workflows_app.login"


def name_again(request: HttpRequest) -> forms.Field:
    """Return the field: for the password, or for who has none here, a link to where they log in."""
    person: Any = request.user
    if person.has_usable_password() or not apps.is_installed(LOGIN):
        return PasswordAgain(request)
    return LoginAgain(request)


class PasswordAgain(forms.CharField):
    """Required. Takes the password of the account that asks, and no other."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(
            label=_("Your password"),
            help_text=_("You logged in some time ago: say again who you are."),
            strip=False,
            max_length=4096,
            widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
            error_messages={"required": _("Give your password: you logged in some time ago.")},
        )
        self._request = request

    def clean(self, value: Any) -> str:
        password: str = super().clean(value)
        if not is_password(self._request, password):
            raise ValidationError(_("This is not your password. Nothing was decided."))
        return password


class LoginLink(forms.Widget):
    """A link in place of an input: there is nothing to type."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return format_html(
            '<a class="ops-link" href="{}" target="_blank" rel="noopener">{}</a>',
            reverse("workflows_login_again"),
            _("Log in again"),
        )


class LoginAgain(forms.Field):
    """Taken once the person has logged in again, in another tab: what was typed here stays."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(
            label=_("Who you are"),
            help_text=_(
                "You logged in some time ago. Do so again in a new tab; then confirm here."
            ),
            required=False,
            widget=LoginLink,
        )
        self._request = request

    def clean(self, value: Any) -> str:
        if must_name_themselves(self._request):
            raise ValidationError(_("You have not logged in again yet. Nothing was decided."))
        return ""
