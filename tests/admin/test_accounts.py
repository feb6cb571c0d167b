"""Who edits accounts: what they may give, and whom they may touch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from tests.admin.addresses import list_of, page_of, told
from tests.conftest import logged_in
from workflows_app.groups import OPERATORS, VIEWERS

pytestmark = pytest.mark.django_db

MAY = [
    "add_user",
    "change_user",
    "delete_user",
    "view_user",
    "add_group",
    "change_group",
    "delete_group",
]


@pytest.fixture
def anna() -> User:
    """She edits accounts and groups, and may look at everything."""
    anna = User.objects.create_user("anna", password="long enough 1", is_staff=True)
    anna.groups.add(Group.objects.get(name=VIEWERS))
    anna.user_permissions.set(Permission.objects.filter(codename__in=MAY))
    return anna


@pytest.fixture
def console(anna: User) -> Client:
    return logged_in(anna)


def form_of(person: User, **changes: Any) -> dict[str, Any]:
    """Return what a browser sends of the page of an account."""
    joined = person.date_joined
    form = {
        "username": person.username,
        "is_active": "on",
        "is_staff": "on",
        "date_joined_0": f"{joined:%Y-%m-%d}",
        "date_joined_1": f"{joined:%H:%M:%S}",
        "groups": [group.pk for group in person.groups.all()],
        "user_permissions": [each.pk for each in person.user_permissions.all()],
    }
    return {name: value for name, value in {**form, **changes}.items() if value is not None}


def rights(person: User) -> tuple[bool, bool, set[str]]:
    fresh = User.objects.get(pk=person.pk)
    return fresh.is_superuser, fresh.is_staff, fresh.get_all_permissions()


def test_nobody_raises_themselves(anna: User, console: Client) -> None:
    before = rights(anna)
    operators = Group.objects.get(name=OPERATORS)
    skip = Permission.objects.get(codename="skip_run")
    raised = form_of(anna, is_superuser="on", groups=[operators.pk], user_permissions=[skip.pk])
    console.post(page_of(anna), {**raised, "first_name": "Anna"})

    assert rights(anna) == before
    assert User.objects.get(pk=anna.pk).first_name == "Anna"


def test_nobody_gives_more_than_they_have(anna: User, console: Client) -> None:
    other = User.objects.create_user("otto", is_staff=True)
    operators, viewers = (Group.objects.get(name=name) for name in (OPERATORS, VIEWERS))
    skip = Permission.objects.get(codename="skip_run")
    own = Permission.objects.get(codename="change_user")
    for more in ({"groups": [operators.pk]}, {"user_permissions": [skip.pk]}):
        answer = console.post(page_of(other), form_of(other, **more))
        assert answer.status_code == 200
        assert "is not one of the available choices" in answer.content.decode()
    console.post(page_of(other), form_of(other, is_superuser="on"))
    assert rights(other) == (False, True, set())

    console.post(page_of(other), form_of(other, groups=[viewers.pk], user_permissions=[own.pk]))
    assert "auth.change_user" in rights(other)[2]
    assert set(other.groups.all()) == {viewers}


def test_nobody_changes_a_group_that_may_more_than_they(console: Client) -> None:
    operators, viewers = (Group.objects.get(name=name) for name in (OPERATORS, VIEWERS))
    skip = Permission.objects.get(codename="skip_run")
    assert console.post(page_of(operators), {"name": "mine"}).status_code == 403
    assert console.post(page_of(operators, "delete"), {"post": "yes"}).status_code == 403
    assert "not one of the available choices" in console.post(
        page_of(viewers), {"name": VIEWERS, "permissions": [skip.pk]}
    ).content.decode()  # fmt: skip
    made = console.post(reverse("admin:auth_group_add"), {"name": "new", "permissions": [skip.pk]})
    assert made.status_code == 200
    assert not Group.objects.filter(name="new").exists()


@pytest.mark.parametrize(
    "kind", ["superuser", "sleeping superuser", "operator", "sleeping operator", "skipper"]
)
def test_an_account_that_may_more_is_left_alone(console: Client, kind: str) -> None:
    """Its password too: by that one could log in as somebody else."""
    person = User.objects.create_user("sue", password="long enough 2", is_staff=True)
    person.is_superuser = kind.endswith("superuser")
    person.is_active = not kind.startswith("sleeping")
    person.save()
    if kind.endswith("operator"):
        person.groups.add(Group.objects.get(name=OPERATORS))
    if kind == "skipper":
        person.user_permissions.add(Permission.objects.get(codename="skip_run"))
    before = vars(User.objects.get(pk=person.pk)) | {"_state": None}

    password = reverse("admin:auth_user_password_change", args=[person.pk])
    new = {"password1": "another one 3", "password2": "another one 3", "usable_password": "true"}
    answers = [
        console.post(page_of(person), form_of(person, username="mine")).status_code,
        console.post(page_of(person, "delete"), {"post": "yes"}).status_code,
        console.post(password, new).status_code,
    ]
    chosen = {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"}
    console.post(list_of(User), chosen)

    assert answers == [403, 403, 403]
    assert vars(User.objects.get(pk=person.pk)) | {"_state": None} == before
    assert console.get(page_of(person)).status_code == 200


@pytest.mark.parametrize("takes_accounts_by_mail", [False, True])
def test_a_mail_by_which_one_logs_in_is_changed_by_superusers_alone(
    console: Client,
    anna: User,
    superuser: Client,
    settings: Settings,
    takes_accounts_by_mail: bool,
) -> None:
    """Whoever comes by single sign-on with that mail would be in the account, with all of their groups."""
    app = {"settings": {"email_authentication": takes_accounts_by_mail}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    otto = User.objects.create_user("otto", email="otto@example.com", is_staff=True)
    for person in (anna, otto):
        console.post(page_of(person), form_of(person, email="boss@example.com", first_name="A"))
        person.refresh_from_db()
        was_changed = person.email == "boss@example.com"
        assert (person.first_name, was_changed) == ("A", not takes_accounts_by_mail)
    superuser.post(page_of(otto), form_of(otto, email="new@example.com"))
    otto.refresh_from_db()
    assert otto.email == "new@example.com"


def test_an_administrator_ends_the_sessions_of_whom_they_may_change(console: Client) -> None:
    plain = User.objects.create_user("otto", is_staff=True)
    root = User.objects.create_superuser("root")
    clients = {person: [logged_in(person), logged_in(person)] for person in (plain, root)}
    # What is over already is not counted.
    over = logged_in(plain).session.session_key
    Session.objects.filter(pk=over).update(expire_date=timezone.now() - timedelta(days=1))
    action = {"action": "end_sessions", "_selected_action": [plain.pk, root.pk]}
    answer = console.post(list_of(User), action)

    assert told(answer) == [
        "Sessions ended: 2, of 1 account.",
        "1 account may more than you do, and was left alone.",
    ]
    for person, status in ((plain, 302), (root, 200)):
        assert [client.get("/admin/").status_code for client in clients[person]] == [status] * 2
    assert Session.objects.exclude(pk=over).count() == 3


def test_a_group_that_decides_about_workflows_is_given_by_its_members_alone(
    anna: User, console: Client, settings: Settings
) -> None:
    settings.WORKFLOWS_DECIDERS = {"refund": ["Boards"], "pay": ["Auditors", "Clerks"]}
    other = Group.objects.create(name="Others")
    taken = console.post(page_of(other), {"name": "Clerks"})
    made = console.post(reverse("admin:auth_group_add"), {"name": "Clerks"})
    for answer in (taken, made):
        assert "decides about workflows: a superuser makes it" in answer.content.decode()
    clerks = Group.objects.create(name="Clerks")
    otto = User.objects.create_user("otto", is_staff=True)
    assert console.post(page_of(clerks), {"name": "Mine"}).status_code == 403
    console.post(page_of(otto), form_of(otto, groups=[clerks.pk]))
    assert not otto.groups.exists()
    # Nor is an account changed that is in it: by another password one would decide as that person.
    carla = User.objects.create_user("carla", is_staff=True)
    carla.groups.add(Group.objects.get(name=VIEWERS), other, clerks)
    assert console.post(page_of(carla), form_of(carla, username="mine")).status_code == 403

    anna.groups.add(clerks)
    console.post(page_of(otto), form_of(otto, groups=[clerks.pk]))
    assert otto.groups.get() == clerks
