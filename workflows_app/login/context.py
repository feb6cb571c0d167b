"""What the theme's pages need to know of the site, for the pages of the login."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _

_PAGES = ("account_", "mfa_", "socialaccount_", "openid_connect_", "workflows_login_")


def theme(request: HttpRequest) -> dict[str, Any]:
    """Return the site's titles, styles and colours, on pages of the login alone: the admin's have them."""
    match = request.resolver_match
    name = str(match.url_name or "") if match is not None else ""
    is_admins_login = match is not None and "admin" in match.app_names and name == "login"
    if not (name.startswith(_PAGES) or is_admins_login):
        return {}
    site = admin.site.each_context(request)
    told = {key: value for key, value in site.items() if key not in ("available_apps", "user")}
    # The theme has none for a site that names none, and its own pages of the admin have this one.
    return {**told, "site_title": told.get("site_title") or _("Django site admin")}
