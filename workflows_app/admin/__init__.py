"""The console of the operators. It shows, and calls operations; it saves nothing itself."""

from __future__ import annotations

from django.contrib import admin

from workflows_app.installation import has_console

if has_console():
    from workflows_app.admin import (  # noqa: F401  # each registers its page
        account_changes,
        accounts,
        alert_choices,
        alerts,
        breakers,
        decisions,
        events,
        handlers,
        inputs,
        jobs,
        mutations,
        runs,
        topics,
        versions,
        workflows,
    )
    from workflows_app.admin.search import offer_in_palette

    offer_in_palette()


def add_to(site: admin.AdminSite) -> None:
    """Have the console's pages on `site` too: for a project with an admin site of its own."""
    for model, page in list(admin.site._registry.items()):
        if type(page).__module__.startswith(f"{__name__}.") and not _is_account(type(page)):
            site.register(model, type(page))


def _is_account(page: type) -> bool:
    return page.__module__ == f"{__name__}.accounts"


def sites_of_console() -> list[admin.AdminSite]:
    """Return the sites that have the console's pages."""
    from workflows_app.models import Run

    return [site for site in admin.sites.all_sites if site.is_registered(Run)]
