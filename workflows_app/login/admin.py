"""allauth's own pages in the admin are taken away: they show secrets, and let staff change them.

What of it staff need is an action in the list of accounts: "Remove second factor".
"""

from __future__ import annotations

import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin  # noqa: F401  # they register their pages
from django.contrib import admin

from workflows_app.login import factors  # noqa: F401  # connects its signals

for model in list(admin.site._registry):
    if model._meta.app_label in ("account", "mfa", "socialaccount") and model.__module__.startswith(
        "allauth."
    ):
        admin.site.unregister(model)
