"""The two groups that come with the migrations: viewers and operators.

They are made once. What a team changes in them afterwards stays as the team made it.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.db import router
from django.db.models.signals import post_migrate
from django.dispatch import receiver

VIEWERS = "Workflow viewers"
OPERATORS = "Workflow operators"

#: One permission an operation; `pause_workflow` also resumes.
OPERATE = [
    "skip_event",
    "try_again",
    "assert_happened",
    "assert_not_happened",
    "skip_run",
    "decide_now",
    "retry_failed_run",
    "pause_workflow",
    "run_producers",
    "close_breaker",
]


@receiver(post_migrate, dispatch_uid="workflows_app.groups")
def make_groups(sender: AppConfig, using: str, **_: Any) -> None:
    """Make the groups that are missing, after the permissions were made."""
    if sender.label != "workflows_app" or not router.allow_migrate(using, "workflows_app"):
        return
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    create_permissions(sender, using=using, verbosity=0, apps=apps)
    own = Permission.objects.using(using).filter(content_type__app_label="workflows_app")
    view = own.filter(codename__startswith="view_")
    wanted = {VIEWERS: view, OPERATORS: view | own.filter(codename__in=OPERATE)}
    for name, permissions in wanted.items():
        group, made = Group.objects.using(using).get_or_create(name=name)
        if made:
            group.permissions.set(permissions)
