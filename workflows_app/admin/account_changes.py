"""Account changes: who gave whom which permissions, and when. Nobody can change them."""

from __future__ import annotations

import re

from django.contrib import admin
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin
from workflows_app.admin.person_filters import PersonFilter
from workflows_app.models import AccountChange

#: Lines of changes that are whole sentences.
_WHOLE = frozenset(
    [
        gettext_noop("made"),
        gettext_noop("deleted"),
        gettext_noop("second factor added"),
        gettext_noop("second factor removed"),
    ]
)


@admin.register(AccountChange)
class AccountChangeAdmin(ReadOnlyAdmin):
    list_display = ["created", "kind", "about", "shortly", "actor_name"]
    sortable_by = ["created"]
    dated_by = "created_at"
    list_filter = ["kind", PersonFilter]
    filter_parameters = ["kind__exact"]
    search_fields = ["about", "actor_name", "what"]
    search_help_text = gettext_lazy(
        "Words of the account or group, of the person, or of what was changed"
    )
    fields = ["kind", "about", "about_key", "changed", "person", "created_at", "address", "session"]
    hidden_while_empty = {"address": "address", "session": "session"}

    exported = {
        "change": "pk",
        "kind": "kind",
        "about": "about",
        "what": "what",
        "person": "actor_name",
        "created_at": "created_at",
        "address": "address",
        "session": "session",
    }

    @display(description=gettext_lazy("what"))
    def shortly(self, change: AccountChange) -> str:
        return Truncator("; ".join(_lines(change))).chars(160)

    @display(description=gettext_lazy("what"))
    def changed(self, change: AccountChange) -> str:
        return "\n".join(_lines(change))

    @display(description=gettext_lazy("by"))
    def person(self, change: AccountChange) -> str:
        return change.actor_name or _("no person: a command, or code")


def _lines(change: AccountChange) -> list[str]:
    return [_in_readers_words(line) for line in change.what.splitlines()]


def _in_readers_words(line: str) -> str:
    """Return a line of a change, which is stored in English: see `account_changes`."""
    if line in _WHOLE:
        return _(line)
    if found := re.fullmatch(r"([a-z ]+) (added|removed): (.*)", line):
        told = {
            "added": _("%(kind)s added: %(names)s"),
            "removed": _("%(kind)s removed: %(names)s"),
        }
        return told[found[2]] % {"kind": _(found[1]), "names": found[3]}
    if found := re.fullmatch(r"([a-z ]+) changed", line):
        return _("%(field)s changed") % {"field": _(found[1])}
    field, colon, value = line.partition(": ")
    return f"{_(field)}{colon}{value}" if field else line
