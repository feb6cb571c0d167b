"""Who may decide about which workflows: the setting `WORKFLOWS_DECIDERS`.

It names groups for patterns of slugs: `{"invoices-*": ["Invoice clerks"]}`. About a workflow that a pattern
fits, the members of its groups decide, and superusers; about others, all who have the permission. A group gives no
permission by this: it takes those of all others away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from django.conf import settings

from workflows_app.errors import SettingsError


def deciders() -> dict[str, list[str]]:
    """Return the setting, checked. Raises SettingsError."""
    configured = getattr(settings, "WORKFLOWS_DECIDERS", {})
    if not isinstance(configured, Mapping):
        raise SettingsError("WORKFLOWS_DECIDERS must be a dict: groups for patterns of slugs.")
    for pattern, groups in configured.items():
        is_list = isinstance(groups, list | tuple) and all(isinstance(each, str) for each in groups)
        if not isinstance(pattern, str) or not is_list or not groups:
            raise SettingsError(
                f"WORKFLOWS_DECIDERS[{pattern!r}] must be a list of the names of groups, one at least."
            )
        for name in (pattern, *groups):
            if name != name.strip() or not name:
                raise SettingsError(
                    f"WORKFLOWS_DECIDERS[{pattern!r}] names {name!r}: nothing is called so."
                )
    return {pattern: list(groups) for pattern, groups in configured.items()}


def fitting_nothing(slugs: Iterable[str]) -> list[str]:
    """Return the patterns that fit none of these workflows. Raises SettingsError."""
    known = list(slugs)
    return [
        pattern for pattern in deciders() if not any(fnmatchcase(slug, pattern) for slug in known)
    ]


def groups_for(slug: str) -> list[str]:
    """Return the groups whose members decide about the workflow; none if all do."""
    fitting = [groups for pattern, groups in deciders().items() if fnmatchcase(slug, pattern)]
    return sorted({group for groups in fitting for group in groups})


def may_decide_about(person: Any, slug: str) -> bool:
    """Tell whether `person` may decide about this workflow, as far as it goes by workflow."""
    groups = groups_for(slug)
    return not groups or bool(person.is_superuser) or person.groups.filter(name__in=groups).exists()


def named_groups() -> set[str]:
    """Return the groups of which the setting tells."""
    return {group for groups in deciders().values() for group in groups}
