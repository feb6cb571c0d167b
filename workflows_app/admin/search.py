"""The one box that finds: its page, and the theme's command palette.

What the person may not see is not found: rows by the view permission of their model, masked values by nobody who
sees them masked.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.dataclasses import SearchResult
from unfold.settings import CONFIG_DEFAULTS

from workflows_app.admin.base import address_of, on_site, site_name
from workflows_app.admin.labels import css_state, state_of_run
from workflows_app.admin.parameters import NamedParameters
from workflows_app.admin.seeing import all_that_may_be_seen, masked_names, may_see, seen_by
from workflows_app.models import Event, Input, Mutation, OperatorAction, Run
from workflows_app.queries.search import LONGEST, Group, Hit, NoTerm, find, term_of

SEARCHED: tuple[type[Model], ...] = (Input, Event, Run, Mutation, OperatorAction)
HEADINGS = {
    Input: gettext_lazy("Inputs"),
    Event: gettext_lazy("Events"),
    Run: gettext_lazy("Runs"),
    Mutation: gettext_lazy("Outside effects"),
    OperatorAction: gettext_lazy("Decisions"),
}
#: As they are called within a sentence.
_KINDS = {
    Input: gettext_lazy("inputs"),
    Event: gettext_lazy("events"),
    Run: gettext_lazy("runs"),
    Mutation: gettext_lazy("outside effects"),
    OperatorAction: gettext_lazy("decisions"),
}
_ICONS = {
    Input: "input",
    Event: "bolt",
    Run: "play_circle",
    Mutation: "output",
    OperatorAction: "gavel",
}
#: How many of a kind the palette shows.
IN_PALETTE = 5


class SearchPage(NamedParameters):
    """Adds the page of the search to the pages of a model."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.search_view)
        own: list[URLPattern] = super().get_urls()
        return [path("search/", view, name="workflows_app_search"), *own]

    def search_view(self, request: HttpRequest) -> TemplateResponse:
        """Show what is found by `q`. Raises PermissionDenied to whoever may see none of it."""
        if not any(may_see(model) for model in SEARCHED):
            raise PermissionDenied
        typed = request.GET.get("q", "")
        groups, problem = found(typed) if typed.strip() else ([], "")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Search"),
            # It is about all models: the theme's header says where one is by this.
            "content_title": _("Search"),
            "typed": typed[:LONGEST],
            "problem": problem,
            "groups": [_as_shown(group, typed) for group in groups],
            "is_empty": bool(groups) and not any(group.hits for group in groups),
            "too_much": [str(HEADINGS[group.model]) for group in groups if group.is_too_much],
            "may_see": all_that_may_be_seen(),
        }
        return TemplateResponse(request, "workflows_app/search.html", context)


def found(typed: str) -> tuple[list[Group], str]:
    """Return what is found for the person of this page, and what is wrong with what was typed."""
    try:
        return find(term_of(typed), may_see=may_see, names=masked_names()), ""
    except NoTerm as nothing:
        return [], str(nothing)


def palette(request: HttpRequest, typed: str) -> list[SearchResult]:
    """Return what the theme's command palette shows besides pages. The theme keeps it for 5 minutes."""
    with seen_by(request), on_site(request):
        groups, problem = found(typed)
        if problem or not groups:
            return []
        results = [
            SearchResult(
                title=_title(hit.row),
                description=f"{_kind(group)}: {hit.why}",
                link=address_of(hit.row),
                icon=_ICONS[group.model],
            )
            for group in groups
            for hit in group.hits[:IN_PALETTE]
        ]
        if results:
            everything = SearchResult(
                title=_("All that was found"),
                description=typed[:LONGEST],
                link=f"{search_address()}?{urlencode({'q': typed[:LONGEST]})}",
                icon="search",
            )
            results.insert(0, everything)
        return results


def offer_in_palette() -> None:
    """Have the palette find rows, and stand in the side bar, unless a project's own settings say otherwise."""
    CONFIG_DEFAULTS["COMMAND"]["search_callback"] = f"{__name__}.palette"
    CONFIG_DEFAULTS["SIDEBAR"]["show_search"] = True
    CONFIG_DEFAULTS["SIDEBAR"]["command_search"] = True


def search_address() -> str:
    """Return the address of the page, on the site whose page is being made."""
    return reverse("admin:workflows_app_search", current_app=site_name())


def _as_shown(group: Group, typed: str) -> dict[str, Any]:
    options = group.model._meta
    listed = reverse(
        f"admin:{options.app_label}_{options.model_name}_changelist", current_app=site_name()
    )
    return {
        "heading": HEADINGS[group.model],
        "kind": _KINDS[group.model],
        "has_more": group.has_more,
        "list": f"{listed}?{urlencode({'q': typed[:LONGEST]})}",
        "hits": [_hit(hit) for hit in group.hits],
    }


def _hit(hit: Hit) -> dict[str, Any]:
    row = hit.row
    if isinstance(row, Run):
        state, status = state_of_run(row)
    else:
        state = css_state(row)
        status = row.get_status_display() if hasattr(row, "get_status_display") else ""
    return {
        "title": _title(row),
        "link": address_of(row),
        "why": hit.why,
        "status": status,
        "state": state,
        "workflow": _workflow_of(row),
        "at": getattr(row, "created_at", None) or getattr(row, "started_at", None) or row.sent_at,
    }


def _kind(group: Group) -> str:
    return str(group.model._meta.verbose_name)


def _title(row: Any) -> str:
    if isinstance(row, Run):
        number = _("Run %(number)s") % {"number": row.pk}
        return f"{number}: {row.title}" if row.title else number
    return str(row)


def _workflow_of(row: Any) -> str:
    if isinstance(row, Event):
        return f"{row.topic.workflow.slug}, {row.topic.name}"
    return str(row.run.workflow.slug if isinstance(row, Mutation) else row.workflow.slug)
