"""The three groups that come with the migrations, and are kept current by them: viewers, operators, supervisors.

A permission that a version brings is given once to the groups it is meant for. What a team takes from a group, or
gives to it, stays as the team made it.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.db import router
from django.db.models.signals import post_migrate
from django.dispatch import receiver

from workflows_app.models.decisions import OperationName

VIEWERS = "Workflow viewers"
OPERATORS = "Workflow operators"
SUPERVISORS = "Workflow supervisors"

#: What the operations need, and to see what is decided about: `view_sensitive`.
OPERATE = [*dict.fromkeys(name.codename for name in OperationName), "view_sensitive"]
#: Supervisors confirm what others propose, and take data out of the console.
SUPERVISE = [*OPERATE, "approve_batch", "export"]

#: What each group may besides seeing rows.
_MAY = {VIEWERS: [], OPERATORS: OPERATE, SUPERVISORS: SUPERVISE}
#: It begins like a permission to see rows, and is none.
_NOT_OF_ROWS = "view_sensitive"


@receiver(post_migrate, dispatch_uid="workflows_app.groups")
def make_groups(sender: AppConfig, using: str, **_: Any) -> None:
    """Make the groups that are missing, and give the others what is new, after the permissions were made."""
    if sender.label != "workflows_app" or not router.allow_migrate(using, "workflows_app"):
        return
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    from workflows_app.models import GivenPermission

    create_permissions(sender, using=using, verbosity=0, apps=apps)
    own = Permission.objects.using(using).filter(content_type__app_label="workflows_app")
    view = own.filter(codename__startswith="view_").exclude(codename=_NOT_OF_ROWS)
    gifts = GivenPermission.objects.using(using)
    for name, operations in _MAY.items():
        group, made = Group.objects.using(using).get_or_create(name=name)
        if made:
            gifts.filter(group_name=name).delete()
        given = set(gifts.filter(group_name=name).values_list("codename", flat=True))
        new = (view | own.filter(codename__in=operations)).exclude(codename__in=given)
        permissions = list(new)
        group.permissions.add(*permissions)
        gifts.bulk_create(
            GivenPermission(group_name=name, codename=each.codename) for each in permissions
        )
