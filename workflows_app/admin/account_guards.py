"""What keeps a person who edits accounts from raising themselves: nobody gives more than they have.

Of accounts and groups that may more than they do, such a person sees the page and changes nothing: neither
the permissions, nor the password by which one could log in as somebody else. Superusers may all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import action
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db.models import Field, ManyToManyField, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from workflows_app.account_changes import write_change
from workflows_app.admin.confirming import LOGIN
from workflows_app.admin.parameters import NamedParameters
from workflows_app.admin.sessions import can_be_ended, end_sessions
from workflows_app.deciders import named_groups

#: What nobody changes of their own account, and only superusers of anybody's.
_RAISES = ("groups", "user_permissions", "is_staff", "is_active")
_ONLY_SUPERUSERS = ("is_superuser",)


def may_all_of(actor: Any, permissions: set[str]) -> bool:
    """Tell whether `actor` has each of these permissions."""
    return bool(actor.is_superuser) or permissions <= actor.get_all_permissions()


def _names(permissions: QuerySet[Permission]) -> set[str]:
    rows = permissions.values_list("content_type__app_label", "codename").order_by()
    return {f"{app}.{codename}" for app, codename in rows}


def may_give(actor: Any, group: Group) -> bool:
    """Tell whether `actor` may give somebody `group`, or change it.

    A group that decides about workflows which others may not decide about gives its members more than its
    permissions: only who is in it may.
    """
    if actor.is_superuser:
        return True
    if group.name in named_groups() and not actor.groups.filter(pk=group.pk).exists():
        return False
    return may_all_of(actor, _names(group.permissions.all()))


class _Guarded(NamedParameters):
    def may_touch(self, actor: Any, row: Any) -> bool:
        """Tell whether `actor` may change `row`."""
        raise NotImplementedError

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or self.may_touch(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or self.may_touch(request.user, obj))

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offer the permissions and the groups that the person may give."""
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        actor: Any = request.user
        if field is None or actor.is_superuser:
            return field
        if db_field.related_model is Permission:
            own = actor.get_all_permissions()
            kept = [row.pk for row in field.queryset if _name(row) in own]
            field.queryset = field.queryset.filter(pk__in=kept)
        elif db_field.related_model is Group:
            kept = [row.pk for row in field.queryset if may_give(actor, row)]
            field.queryset = field.queryset.filter(pk__in=kept)
        return field


def _name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


class GuardedUsers(_Guarded):
    """The pages of accounts."""

    actions: Any = ("end_sessions", "remove_second_factor")

    @action(description=gettext_lazy("Log out everywhere"), permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """End all sessions of the chosen accounts, but those of whom the person may not change."""
        if not can_be_ended():
            messages.error(request, _("This project keeps its sessions where nobody can end them."))
            return
        allowed = [row for row in queryset if self.may_touch(request.user, row)]
        ended = end_sessions({str(row.pk) for row in allowed})
        left = queryset.count() - len(allowed)
        of_accounts = ngettext(
            "Sessions ended: %(sessions)s, of %(accounts)s account.",
            "Sessions ended: %(sessions)s, of %(accounts)s accounts.",
            len(allowed),
        )
        messages.success(request, of_accounts % {"sessions": ended, "accounts": len(allowed)})
        if left:
            messages.error(request, _left_alone(left))

    def get_actions(self, request: HttpRequest) -> Any:
        offered = super().get_actions(request)
        if not apps.is_installed(LOGIN):
            offered.pop("remove_second_factor", None)
        return offered

    @action(description=gettext_lazy("Remove second factor"), permissions=["change"])
    def remove_second_factor(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let whoever lost theirs set up another one; their sessions end."""
        from allauth.mfa.models import Authenticator

        allowed = [row for row in queryset if self.may_touch(request.user, row)]
        removed = set()
        for row in allowed:
            if Authenticator.objects.filter(user=row.pk).delete()[0]:
                write_change(row, ["second factor removed"])
                removed.add(str(row.pk))
        if removed and can_be_ended():
            end_sessions(removed)
        told = ngettext(
            "The second factor of %(number)s account was removed.",
            "The second factors of %(number)s accounts were removed.",
            len(removed),
        )
        messages.success(request, told % {"number": len(removed)})
        left = queryset.count() - len(allowed)
        if left:
            messages.error(request, _left_alone(left))

    def may_touch(self, actor: Any, row: Any) -> bool:
        if actor.is_superuser:
            return True
        # Also of one that is not active: it may be made so.
        return (
            not row.is_superuser
            and may_all_of(actor, _names(row.user_permissions.all()))
            and all(may_give(actor, group) for group in row.groups.all())
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fields = [*super().get_readonly_fields(request, obj)]
        actor: Any = request.user
        if not actor.is_superuser:
            fields += _ONLY_SUPERUSERS
            fields += _RAISES if obj is not None and obj.pk == actor.pk else ()
            mail = self.model.get_email_field_name()
            fields += [mail] if _mail_is_a_login() and hasattr(self.model, mail) else []
        return [name for name in fields if _has(self.model, name)]


def _mail_is_a_login() -> bool:
    """Tell whether whoever has the mail of an account at a provider is let into it, with the groups they have there."""
    configured: Any = getattr(settings, "SOCIALACCOUNT_PROVIDERS", {}).get("openid_connect", {})
    everywhere = getattr(settings, "SOCIALACCOUNT_EMAIL_AUTHENTICATION", False)
    usual = configured.get("EMAIL_AUTHENTICATION", everywhere)
    said = [
        app.get("settings", {}).get("email_authentication") for app in configured.get("APPS", [])
    ]
    return apps.is_installed(LOGIN) and any(usual if one is None else one for one in said)


def _left_alone(number: int) -> str:
    told = ngettext(
        "%(number)s account may more than you do, and was left alone.",
        "%(number)s accounts may more than you do, and were left alone.",
        number,
    )
    return told % {"number": number}


def _has(model: Any, name: str) -> bool:
    names = {field.name for field in model._meta.get_fields() if isinstance(field, Field)}
    return name in names or name not in (*_RAISES, *_ONLY_SUPERUSERS)


class GuardedGroups(_Guarded):
    """The pages of groups."""

    def may_touch(self, actor: Any, row: Any) -> bool:
        return may_give(actor, row)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Refuse a name that would make of the group one that decides about workflows."""
        form = super().get_form(request, obj, **kwargs)
        actor: Any = request.user

        class NamedByOthers(form):  # type: ignore[misc, valid-type]
            def clean_name(self) -> str:
                name: str = self.cleaned_data["name"]
                is_new = obj is None or obj.name != name
                if is_new and not actor.is_superuser and name in named_groups():
                    raise ValidationError(
                        _("A group of this name decides about workflows: a superuser makes it.")
                    )
                return name

        return NamedByOthers
