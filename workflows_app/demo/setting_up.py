"""What both ways of the demo need before the work: tables, synced workflows, and a user."""

from __future__ import annotations

import io
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command

from workflows_app.groups import OPERATORS

USER = "demo"


def set_up(*, password: str | None = None) -> Any:
    """Migrate, sync, and make the demo's user, an operator; return it."""
    call_command("migrate", verbosity=0)
    call_command("sync_workflows", stdout=io.StringIO())
    user, _ = get_user_model().objects.get_or_create(username=USER)
    user.is_staff = user.is_active = True
    user.set_password(password)  # None: nobody can log in
    user.save()
    user.groups.add(Group.objects.get(name=OPERATORS))
    return user
