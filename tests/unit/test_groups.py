"""The three groups that come with the migrations: kept current, and what a team changed stays."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.management.sql import emit_post_migrate_signal
from django.db.models.signals import post_migrate

from workflows_app.groups import OPERATE, OPERATORS, SUPERVISE, SUPERVISORS, VIEWERS
from workflows_app.models import GivenPermission

pytestmark = pytest.mark.django_db


def view_of_all_models() -> set[str]:
    """Return the view permissions of all models, those of their history included."""
    models = apps.get_app_config("workflows_app").get_models()
    return {
        f"view_{model._meta.model_name}"
        for model in models
        if "view" in model._meta.default_permissions
    }


def codenames(group: str) -> set[str]:
    return set(Group.objects.get(name=group).permissions.values_list("codename", flat=True))


def migrate_again() -> None:
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")


def test_viewers_may_look_at_all_of_it_and_no_more() -> None:
    assert "view_historicalrun" in codenames(VIEWERS)
    assert codenames(VIEWERS) == view_of_all_models()


def test_operators_may_look_and_decide_but_not_edit() -> None:
    assert codenames(OPERATORS) == view_of_all_models() | set(OPERATE)


def test_supervisors_may_all_that_operators_may_and_confirm_and_export() -> None:
    expected = view_of_all_models() | set(OPERATE) | {"approve_batch", "export"}
    assert codenames(SUPERVISORS) == expected


def test_every_permission_of_the_models_own_is_a_supervisor_s() -> None:
    own = {
        codename
        for model in apps.get_app_config("workflows_app").get_models()
        for codename, _ in model._meta.permissions
    }

    assert own == set(SUPERVISE)


def test_all_permissions_are_of_this_app() -> None:
    groups = [VIEWERS, OPERATORS, SUPERVISORS]
    labels = Permission.objects.filter(group__name__in=groups).values_list(
        "content_type__app_label", flat=True
    )

    assert set(labels) == {"workflows_app"}


def test_what_a_team_changed_stays() -> None:
    operators = Group.objects.get(name=OPERATORS)
    operators.permissions.remove(Permission.objects.get(codename="assert_not_happened"))
    operators.permissions.add(Permission.objects.get(codename="add_user"))
    Group.objects.get(name=VIEWERS).permissions.clear()
    member = User.objects.create_user("olga")
    member.groups.add(operators)

    migrate_again()

    expected = (view_of_all_models() | set(OPERATE) | {"add_user"}) - {"assert_not_happened"}
    assert codenames(OPERATORS) == expected
    assert codenames(VIEWERS) == set()
    assert list(member.groups.all()) == [operators]


def test_a_permission_that_a_version_brings_is_given_to_groups_that_are_there() -> None:
    # As if this were the first version that knows of it.
    GivenPermission.objects.filter(codename="assert_happened").delete()
    for group in Group.objects.all():
        group.permissions.remove(Permission.objects.get(codename="assert_happened"))

    migrate_again()

    assert "assert_happened" in codenames(OPERATORS)
    assert "assert_happened" in codenames(SUPERVISORS)
    assert "assert_happened" not in codenames(VIEWERS)


def test_a_group_that_is_missing_is_made_again_beside_the_others() -> None:
    Group.objects.get(name=VIEWERS).delete()
    others = Group.objects.create(name="Accounting")

    migrate_again()

    assert codenames(VIEWERS) == view_of_all_models()
    assert codenames("Accounting") == set()
    assert set(Group.objects.values_list("name", flat=True)) == {
        VIEWERS,
        OPERATORS,
        SUPERVISORS,
        others.name,
    }


def test_the_migration_of_another_app_makes_no_groups() -> None:
    Group.objects.all().delete()

    post_migrate.send(
        sender=apps.get_app_config("auth"),
        app_config=apps.get_app_config("auth"),
        verbosity=0,
        interactive=False,
        using="default",
        apps=apps,
        plan=[],
    )

    assert not Group.objects.exists()
