"""Login by password: throttled, with a second factor, and asked for it where the settings say so."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse
from pytest_django import Settings

from tests.admin.addresses import HOME, list_of, page_of, text_of_answer, told
from tests.conftest import logged_in
from tests.login.codes import code_for, secret_on
from workflows_app.models import AccountChange, OperatorAction, Run

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
LOGIN = "/account/login/"
ACTIVATE = "/account/second-factor/totp/activate/"
FACTOR = "/account/second-factor/"
CODES = f"{FACTOR}recovery-codes/"


@pytest.fixture
def olga(operator_user: User) -> User:
    operator_user.set_password(PASSWORD)
    operator_user.save()
    return operator_user


def log_in(client: Client, password: str = PASSWORD, **more: str) -> Any:
    return client.post(LOGIN, {"login": "olga", "password": password, **more})


def test_the_admin_s_login_leads_here_and_back_again(olga: User) -> None:
    client = Client()
    there = client.get(list_of(Run))
    assert there.url == "/admin/login/?next=/admin/workflows_app/run/"
    here = client.get(there.url)
    assert here.url == f"{LOGIN}?next=/admin/workflows_app/run/"
    assert 'name="next" value="/admin/workflows_app/run/"' in client.get(here.url).content.decode()
    # Nothing gets past: a form sent to the admin's own page is not looked at.
    client.post("/admin/login/", {"username": "olga", "password": PASSWORD})
    assert "_auth_user_id" not in client.session

    assert log_in(client, next=list_of(Run)).url == list_of(Run)
    assert client.get(list_of(Run)).status_code == 200
    assert client.get("/admin/login/?next=https://elsewhere.example.com/").url == HOME
    client.post("/admin/logout/")
    assert client.get(HOME).status_code == 302


def test_a_site_without_a_title_of_its_own_has_the_theme_s(db: None, settings: Settings) -> None:
    for title, shown in (("Post office", "Post office"), (None, "Django site admin")):
        settings.UNFOLD = {**settings.UNFOLD, "SITE_TITLE": title}
        assert f"| {shown}</title>" in " ".join(Client().get(LOGIN).content.decode().split())


def test_wrong_passwords_are_few_and_counted_in_the_database(
    olga: User, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        answer = log_in(Client(), "wrong horse")
        assert "are not correct" in text_of_answer(answer)
    assert caplog.text.count("web.login_failed") == 5

    refused = log_in(Client())

    assert "Too many failed login attempts" in text_of_answer(refused)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM workflows_login_cache WHERE cache_key LIKE '%login_failed%'"
        )
        assert cursor.fetchone()[0] >= 2
    # Whoever else comes from there may still log in.
    User.objects.create_user("otto", password=PASSWORD, is_staff=True)
    other = Client().post(LOGIN, {"login": "otto", "password": PASSWORD})
    assert other.status_code == 302
    cache.clear()
    assert log_in(Client()).status_code == 302


def test_too_many_from_one_address_are_told_to_wait(
    olga: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "3/h/ip"}
    answers = [
        Client().post(LOGIN, {"login": f"name {n}", "password": "x"}, REMOTE_ADDR="10.0.0.8")
        for n in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429]
    assert "Wait for five minutes" in text_of_answer(answers[-1])
    assert caplog.text.count("web.refused status=429 user=- address=10.0.0.8") == 1
    assert log_in(Client()).status_code == 302


def test_nobody_signs_up_and_what_is_not_used_is_not_there(db: None) -> None:
    pages = ["signup", "email", "password/reset", "password/change", "social/signup", "login/code"]
    assert {page: Client().get(f"/account/{page}/").status_code for page in pages} == dict.fromkeys(
        pages, 404
    )


def test_who_has_no_role_sees_a_plain_page(db: None) -> None:
    person = User.objects.create_user("nora", password=PASSWORD)
    client = Client()
    answer = client.post(LOGIN, {"login": "nora", "password": PASSWORD}, follow=True)
    assert answer.status_code == 403
    assert "You may not use this console" in text_of_answer(answer)
    assert "nora" in text_of_answer(answer)
    person.is_staff = True
    person.save()
    assert client.get(HOME).status_code == 200


def set_up_second_factor(client: Client) -> str:
    """Set one up, and return its secret."""
    secret = secret_on(client.get(ACTIVATE))
    answer = client.post(ACTIVATE, {"code": code_for(secret)})
    assert answer.url == CODES
    return secret


@pytest.mark.django_db(transaction=True)
def test_a_second_factor_is_asked_for_and_a_recovery_code_is_one(olga: User) -> None:
    client = Client()
    log_in(client)
    secret = set_up_second_factor(client)
    codes = client.get(CODES).context["unused_codes"]
    assert len(codes) == 10
    # Not as it is shown: a copy of the database has no second factor.
    assert secret not in str(Authenticator.objects.get(type="totp").data)
    assert AccountChange.objects.filter(what="second factor added", actor_name="olga").count() == 1

    other = Client()
    assert log_in(other, next=HOME).url == "/account/second-factor/authenticate/"
    assert other.get(HOME).status_code == 302
    wrong = other.post("/account/second-factor/authenticate/", {"code": "000000"})
    assert "Incorrect code" in text_of_answer(wrong)
    other.post("/account/second-factor/authenticate/", {"code": code_for(secret, steps=1)})
    assert other.get(HOME).status_code == 200

    third = Client()
    log_in(third)
    third.post("/account/second-factor/authenticate/", {"code": codes[0]})
    assert third.get(HOME).status_code == 200
    fourth = Client()
    log_in(fourth)
    fourth.post("/account/second-factor/authenticate/", {"code": codes[0]})
    assert fourth.get(HOME).status_code == 302
    assert "9 recovery codes are left." in text_of_answer(client.get(FACTOR))
    old = settings.SECRET_KEY
    with override_settings(SECRET_KEY="another key", SECRET_KEY_FALLBACKS=[old]):
        fifth = Client()
        log_in(fifth)
        fifth.post("/account/second-factor/authenticate/", {"code": codes[1]})
        assert fifth.get(HOME).status_code == 200
    left = Authenticator.objects.get(type="recovery_codes")
    left.data["used_mask"] = 0b111111111
    left.save()
    assert "1 recovery code is left." in text_of_answer(client.get(FACTOR))


@pytest.mark.django_db(transaction=True)
def test_who_may_decide_must_have_a_second_factor_if_the_settings_say_so(
    olga: User, viewer: Client, blocked: Run, settings: Settings
) -> None:
    settings.WORKFLOWS = {"second_factor_to_decide": True}
    early = logged_in(olga)
    client = Client()
    log_in(client)
    assert viewer.get(HOME).status_code == 200
    # Nor may those who decide one thing alone.
    pia = User.objects.create_user("pia", is_staff=True)
    pia.user_permissions.add(Permission.objects.get(codename="skip_run"))
    assert logged_in(pia).get(HOME).status_code == 302
    assert client.get(HOME).url == ACTIVATE
    dialog = page_of(blocked, "skip_run")
    sent = {"_form_submitted": "True", "reason": "Not ours"}
    assert (
        client.post(dialog, sent, headers={"hx-request": "true"}).headers["HX-Redirect"] == ACTIVATE
    )
    assert OperatorAction.objects.count() == 0

    set_up_second_factor(client)
    assert client.post(dialog, sent).status_code == 302
    assert OperatorAction.objects.count() == 1
    # Once it is taken away, it was given to no avail.
    client.post("/account/second-factor/totp/deactivate/")
    assert client.get(HOME).url == ACTIVATE
    set_up_second_factor(client)
    # A session from before has given none.
    assert early.get(HOME).url == LOGIN
    assert "_auth_user_id" not in early.session


@pytest.mark.django_db(transaction=True)
def test_one_that_was_lost_is_removed_by_who_may_change_the_account(
    olga: User, viewer_user: User, viewer: Client, superuser: Client
) -> None:
    client = Client()
    log_in(client)
    set_up_second_factor(client)
    otto = User.objects.create_user("otto", is_staff=True)
    Authenticator.objects.create(user=otto, type="totp", data={})
    chosen = [olga.pk, otto.pk, viewer_user.pk]
    sent = {"action": "remove_second_factor", "_selected_action": chosen}
    answer = superuser.post(reverse("admin:auth_user_changelist"), sent)
    assert told(answer) == ["The second factors of 2 accounts were removed."]
    assert not Authenticator.objects.exists()
    removed = AccountChange.objects.filter(what="second factor removed", actor_name="root")
    assert set(removed.values_list("about", flat=True)) == {olga.username, "otto"}
    assert client.get(HOME).status_code == 302
    # Whoever had none goes on.
    assert viewer.get(HOME).status_code == 200
    assert log_in(Client()).url == HOME


def test_a_second_factor_is_not_set_up_in_a_session_that_was_left_open(olga: User) -> None:
    client = Client()
    log_in(client)
    session = client.session
    session["workflows_named_at"] -= 301
    session.save()
    answer = client.get(ACTIVATE)
    assert answer.url == f"/account/reauthenticate/?next={ACTIVATE.replace('/', '%2F')}"
    client.post("/account/reauthenticate/", {"password": PASSWORD, "next": ACTIVATE})
    assert client.get(ACTIVATE).status_code == 200


def test_secrets_of_logins_have_no_pages_in_the_admin(superuser: Client) -> None:
    index = superuser.get(HOME).content.decode()
    assert not [app for app in ("mfa", "socialaccount", "account") if f"/admin/{app}/" in index]
    assert superuser.get("/admin/mfa/authenticator/").status_code == 404
