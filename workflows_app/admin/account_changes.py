"""Account changes: who gave whom which permissions, and when. Nobody can change them."""

from __future__ import annotations

from django.contrib import admin
from django.utils.text import Truncator
from unfold.decorators import display

from workflows_app.admin.base import ReadOnlyAdmin
from workflows_app.models import AccountChange


@admin.register(AccountChange)
class AccountChangeAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "about", "shortly", "actor_name"]
    list_filter = ["kind"]
    filter_parameters = ["kind__exact"]
    search_fields = ["about", "actor_name", "what"]
    search_help_text = "Words of the account or group, of the person, or of what was changed"
    fields = ["kind", "about", "about_key", "what", "person", "created_at", "address", "session"]
    hidden_while_empty = {"address": "address", "session": "session"}

    @display(description="what")
    def shortly(self, change: AccountChange) -> str:
        return Truncator(change.what).chars(160)

    @display(description="by")
    def person(self, change: AccountChange) -> str:
        return change.actor_name or "no person: a command, or code"
