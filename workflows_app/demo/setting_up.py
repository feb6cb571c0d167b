"""What both ways of the demo need before the work: tables, synced workflows, and a user."""

from __future__ import annotations

import io
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection

from workflows_app.groups import OPERATORS

USER = "demo"
#: Only the demo makes an account with it: nobody has an address there.
ADDRESS = "demo@workflows-demo.invalid"


class AccountTaken(Exception):
    """There is an account of the demo's name that the demo did not make."""


def set_up(*, password: str | None = None) -> Any:
    """Migrate, sync, and make the demo's user, an operator; return it. Raises AccountTaken before."""
    users = get_user_model()._default_manager
    if get_user_model()._meta.db_table in connection.introspection.table_names():
        taken = users.filter(username=USER).exclude(email=ADDRESS, is_superuser=False)
        if taken.exists():
            raise AccountTaken(
                f"There is an account '{USER}' in this database that is not the demo's: nothing was"
                f" changed. Give that account another name, or the demo another database."
            )
    call_command("migrate", verbosity=0)
    call_command("sync_workflows", stdout=io.StringIO())
    name: dict[str, Any] = {get_user_model().USERNAME_FIELD: USER}
    user, _ = users.get_or_create(**name, defaults={"email": ADDRESS})
    user.is_staff = user.is_active = True
    user.set_password(password)  # None: nobody can log in
    user.save()
    user.groups.add(Group.objects.get(name=OPERATORS))
    return user
