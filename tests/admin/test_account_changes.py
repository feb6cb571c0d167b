"""What is changed of accounts, groups and permissions is written down, by whom, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core import serializers
from django.core.management import call_command
from django.db import Error, connection, transaction
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.admin.addresses import list_of, page_of
from tests.admin.test_accounts import form_of
from tests.owner import as_owner
from workflows_app.groups import OPERATORS, VIEWERS
from workflows_app.models import AccountChange

pytestmark = pytest.mark.django_db


def changes() -> list[tuple[str, str, str, str]]:
    rows = AccountChange.objects.order_by("pk")
    return [(row.actor_name, row.kind, row.about, row.what) for row in rows]


def test_what_is_changed_of_accounts_is_written_down_with_its_person(superuser: Client) -> None:
    User.objects.create_user("paul").groups.add(Group.objects.get(name=OPERATORS))
    known = AccountChange.objects.count()
    otto = User.objects.create_user("otto", password="long enough 1")
    viewers = Group.objects.get(name=VIEWERS)
    superuser.post(
        page_of(otto), form_of(otto, username="otto-2", groups=[viewers.pk]), REMOTE_ADDR="10.0.0.7",
        headers={"Accept-Language": "de"},
    )  # fmt: skip
    new = {"password1": "another one 3", "password2": "another one 3", "usable_password": "true"}
    superuser.post(reverse("admin:auth_user_password_change", args=[otto.pk]), new)
    viewers.permissions.remove(Permission.objects.get(codename="view_run"))
    # From the other side each of them is given it.
    viewers.user_set.add(*User.objects.filter(username__in=["root", "paul"]))
    call_command("createsuperuser", interactive=False, username="eve", email="")
    otto.groups.clear()
    User.objects.get(pk=otto.pk).delete()

    assert changes()[known:] == [
        ("", "account", "otto", "made\nsuperuser status: False\nstaff status: False\nactive: True"),
        ("root", "account", "otto-2", "username: otto → otto-2\nstaff status: False → True"),
        ("root", "account", "otto-2", "groups added: Workflow viewers"),
        ("root", "account", "otto-2", "password changed"),
        (
            "",
            "group",
            "Workflow viewers",
            "permissions removed: Workflow operations | run | Can view run",
        ),
        *(("", "account", name, "groups added: Workflow viewers") for name in ("root", "paul")),
        ("", "account", "eve", "made\nsuperuser status: True\nstaff status: True\nactive: True"),
        ("", "account", "otto", "groups removed: Workflow viewers"),
        ("", "account", "otto-2", "deleted"),
    ]
    in_german = superuser.get(list_of(AccountChange), headers={"Accept-Language": "de"})
    for words in (
        "Benutzername: otto → otto-2",
        "Passwort geändert",
        "Gruppen hinzugefügt: Workflow viewers",
        "Gruppen entfernt: Workflow viewers",
        "gelöscht",
    ):
        assert words in in_german.content.decode()
    listed = superuser.get(list_of(AccountChange)).content.decode()
    assert "made; superuser status: True; staff status: True; active: True" in listed
    by_root = AccountChange.objects.filter(about="otto-2", actor_name="root")
    assert by_root.last().address == "10.0.0.7"  # type: ignore[union-attr]
    assert len(by_root[0].session) == 64
    with as_owner(), pytest.raises(Error, match="Cannot update or delete"), transaction.atomic():
        AccountChange.objects.all().update(what="")


def test_a_login_changes_nothing_of_an_account(settings: Settings) -> None:
    anna = User.objects.create_user("anna")
    hashers = [f"django.contrib.auth.hashers.{name}PasswordHasher" for name in ("MD5", "PBKDF2")]
    settings.PASSWORD_HASHERS = hashers
    anna.set_password("long enough 1")
    anna.save(update_fields=["password"])
    before = changes()
    assert before[-1][2:] == ("anna", "password changed")
    # Not even if it keeps the same password in a new way.
    settings.PASSWORD_HASHERS = hashers[::-1]
    for _ in range(2):
        assert Client().login(username="anna", password="long enough 1")
    anna = User.objects.get(pk=anna.pk)
    assert anna.password.startswith("pbkdf2_")
    assert changes() == before
    # As a single sign-on takes the password of an account away.
    anna.set_unusable_password()
    anna.save(update_fields=["password"])
    assert [each[2:] for each in changes()[len(before) :]] == [("anna", "password changed")]


def test_who_deletes_their_own_account_among_others_is_gone_and_named(superuser: Client) -> None:
    User.objects.create_user("otto")
    both = User.objects.filter(username__in=["otto", "root"])
    keys = [*both.values_list("pk", flat=True)]
    chosen = {"action": "delete_selected", "post": "yes", "_selected_action": keys}

    assert superuser.post(list_of(User), chosen).status_code == 302

    connection.check_constraints()
    assert not both.exists()
    assert sorted(changes()[-2:]) == [
        ("root", "account", name, "deleted") for name in ("otto", "root")
    ]


def test_what_a_fixture_changes_is_written_down_and_what_is_not_saved_is_not(
    tmp_path: Path,
) -> None:
    anna = User.objects.create_user("anna")
    known = AccountChange.objects.count()
    anna.is_superuser = True
    file = tmp_path / "accounts.json"
    eve = User(pk=10**9, username="eve", is_staff=True)
    file.write_text(serializers.serialize("json", [anna, eve]))
    anna.email = "anna@example.com"
    anna.save(update_fields=["email"])

    call_command("loaddata", file, verbosity=0)

    assert [what for *_, what in changes()[known:]] == [
        "email address:  → anna@example.com",
        "superuser status: False → True\nemail address: anna@example.com → ",
        "made\nsuperuser status: False\nstaff status: True\nactive: True",
    ]
