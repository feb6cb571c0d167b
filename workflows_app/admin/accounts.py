"""Users and groups, in the same look.

Only in place of Django's own pages: a project's user model, and its own pages of users, are left alone.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from workflows_app.admin.account_guards import GuardedGroups, GuardedUsers


class UserAdmin(DjangoUserAdmin, GuardedUsers):  # type: ignore[type-arg]  # not generic at run time
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_parameters = [
        "is_staff__exact",
        "is_superuser__exact",
        "is_active__exact",
        "groups__id__exact",
        "groups__isnull",
    ]


class GroupAdmin(DjangoGroupAdmin, GuardedGroups):
    pass


def _in_place_of(stock: type[admin.ModelAdmin[Any]], model: type[Model], own: type[Any]) -> None:
    registered = admin.site._registry.get(model)
    if type(registered) is stock:
        admin.site.unregister(model)
        admin.site.register(model, own)


_in_place_of(DjangoUserAdmin, User, UserAdmin)
_in_place_of(DjangoGroupAdmin, Group, GroupAdmin)
