"""The Django app of the login."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LoginConfig(AppConfig):
    name = "workflows_app.login"
    label = "workflows_login"
    verbose_name = _("Login")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # What needs the admin comes with it: the theme has to make its site first.
        from workflows_app.login import checks  # noqa: F401  # registers the system checks
