"""Writes down each change of an account, a group or their permissions, however it was made.

Who may decide is who has the permission now: so it must be known since when, and who gave it. Written in the
transaction of the change, by pages, commands and code alike; only `QuerySet.update`, `bulk_create` and `bulk_update`
pass it by. Always in English: what is stored does not depend on the language of whoever made the change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import BooleanField, Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.utils import translation

from workflows_app.models import AccountChange
from workflows_app.origin import origin

#: Each login writes the one, and a form cuts the other.
_NOT_TOLD = {"last_login", "date_joined"}
#: Of these only that they changed.
_SECRET = frozenset({"password"})
_BEFORE = "_workflows_before"
_WORDS = {"post_add": "added", "post_remove": "removed", "pre_clear": "removed"}


def connect() -> None:
    """Listen to the models of this project, which are known when all apps are ready."""
    for model in (get_user_model(), Group):
        name = model._meta.label
        pre_save.connect(_remember, sender=model, dispatch_uid=f"workflows_app.before.{name}")
        post_save.connect(_saved, sender=model, dispatch_uid=f"workflows_app.saved.{name}")
        post_delete.connect(_deleted, sender=model, dispatch_uid=f"workflows_app.deleted.{name}")
    for model, field in (
        (get_user_model(), "groups"),
        (get_user_model(), "user_permissions"),
        (Group, "permissions"),
    ):
        if hasattr(model, field):
            through = getattr(model, field).through
            uid = f"workflows_app.members.{through._meta.label}"
            m2m_changed.connect(_handed_out, sender=through, dispatch_uid=uid)


def _remember(
    sender: type[Model],
    instance: Any,
    using: str,
    update_fields: frozenset[str] | None = None,
    **_: Any,
) -> None:
    before = None
    is_login = update_fields is not None and update_fields <= _NOT_TOLD
    # A login may keep the same password in a better way: only then the account has a None of its own here.
    is_login |= update_fields == _SECRET and vars(instance).get("_password", "") is None
    if not is_login and instance.pk is not None:
        before = sender._base_manager.using(using).filter(pk=instance.pk).first()
    vars(instance)[_BEFORE] = before


@translation.override(None)
def _saved(
    sender: type[Model],
    instance: Any,
    created: bool,
    update_fields: frozenset[str] | None = None,
    **_: Any,
) -> None:
    before = vars(instance).pop(_BEFORE, None)
    if created:
        write_change(instance, ["made", *_flags(instance)])
    elif before is not None:
        write_change(instance, list(_differences(before, instance, update_fields)))


def _deleted(instance: Any, **_: Any) -> None:
    write_change(instance, ["deleted"])


@translation.override(None)
def _handed_out(
    instance: Any,
    action: str,
    reverse: bool,
    model: type[Model],
    pk_set: set[Any] | None,
    using: str,
    **rest: Any,
) -> None:
    if action not in _WORDS:
        return
    others = model._base_manager.using(using)
    if pk_set is not None:
        others = others.filter(pk__in=pk_set)
    elif action == "pre_clear":
        others = others.filter(pk__in=_linked(rest["sender"], instance, model, using))
    found = list(others.order_by("pk"))
    # From the other side: each of them was given this one.
    for about, given in (
        [(other, [instance]) for other in found] if reverse else [(instance, found)]
    ):
        if isinstance(about, get_user_model() | Group) and given:
            names = ", ".join(str(each) for each in given)
            write_change(about, [f"{_called(given[0])} {_WORDS[action]}: {names}"])


def _linked(through: type[Model], instance: Any, model: type[Model], using: str) -> Iterable[Any]:
    mine = next(f for f in through._meta.fields if isinstance(instance, f.related_model or ()))
    theirs = next(f for f in through._meta.fields if f.related_model is model)
    rows = through._base_manager.using(using).filter(**{mine.name: instance})
    return rows.values_list(theirs.attname, flat=True)


def _called(row: Model) -> str:
    return str(row._meta.verbose_name_plural)


def _flags(row: Model) -> Iterable[str]:
    for field in row._meta.concrete_fields:
        if isinstance(field, BooleanField):
            yield f"{field.verbose_name}: {getattr(row, field.attname)}"


def _differences(before: Any, after: Any, saved: frozenset[str] | None) -> Iterable[str]:
    for field in after._meta.concrete_fields:
        if saved is not None and saved.isdisjoint([field.name, field.attname]):
            continue
        old, new = getattr(before, field.attname), getattr(after, field.attname)
        if field.primary_key or field.name in _NOT_TOLD or old == new:
            continue
        if field.name in _SECRET:
            yield f"{field.verbose_name} changed"
        else:
            yield f"{field.verbose_name}: {old} → {new}"


def write_change(about: Any, what: list[str]) -> None:
    """Write what was changed of an account or a group, by whom the request is from. Nothing if empty."""
    if not what:
        return
    came_from = origin()
    is_group = isinstance(about, Group)
    # Who deletes their own account is there no more.
    actor = get_user_model()._base_manager.filter(pk=came_from.actor_key)
    AccountChange.objects.create(
        kind=AccountChange.Kind.GROUP if is_group else AccountChange.Kind.ACCOUNT,
        about=str(about)[:254],
        about_key=str(about.pk)[:64],
        what="\n".join(what),
        actor_id=actor.values_list("pk", flat=True).first(),
        actor_name=came_from.actor_name[:254],
        address=came_from.address,
        session=came_from.session,
    )
