"""Single sign-on by a provider of OpenID Connect that is real, and small."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import Settings

from tests.admin.addresses import HOME, page_of, text_of_answer
from tests.admin.test_sessions import time_passes
from tests.login.provider import Provider
from workflows_app.models import AccountChange, OperatorAction, Run

pytestmark = pytest.mark.django_db

SSO = "/account/sso/company/"
GROUPS = {"ops": "Workflow operators", "all": "Workflow viewers"}


@pytest.fixture
def provider(settings: Settings) -> Iterator[Provider]:
    provider = Provider()
    provider.claims |= {"groups": ["ops", "cooks"], "email": "petra@example.com", "name": "Petra P"}
    settings.SOCIALACCOUNT_PROVIDERS = provider.settings(groups=GROUPS)
    yield provider
    provider.close()


def through(client: Client, answer: Any) -> Any:
    """Follow `answer` to the provider, and what that says back to the console."""
    back = urlsplit(httpx.get(answer.url).headers["Location"])
    return client.get(f"{back.path}?{back.query}")


def log_in(client: Client) -> Any:
    return through(client, client.get(f"{SSO}?process=login&next={HOME}"))


def groups_of(name: str) -> list[str]:
    return sorted(User.objects.get(username=name).groups.values_list("name", flat=True))


def test_the_login_page_offers_it_and_groups_are_mapped_at_each_login(provider: Provider) -> None:
    page = Client().get("/account/login/?next=/admin/workflows_app/run/").content.decode()
    assert "Log in with the company" in page
    assert "/account/sso/company/?process=login&amp;next=%2Fadmin%2Fworkflows_app%2Frun%2F" in page

    client = Client()
    # What the user info says counts, and not what the token said before.
    provider.in_token = {"groups": ["all"]}
    assert log_in(client).url == HOME
    assert client.get(HOME).status_code == 200
    person = User.objects.get(username="petra")
    assert (person.is_staff, person.is_superuser, person.has_usable_password()) == (
        True,
        False,
        False,
    )
    assert groups_of("petra") == ["Workflow operators"]
    assert provider.asked[0]["code_challenge_method"] == "S256"
    told = AccountChange.objects.filter(about="petra").values_list("what", flat=True)
    assert "groups added: Workflow operators" in set(told)

    # Groups that the settings don't map are the console's own business.
    person.groups.add(Group.objects.create(name="Clerks"))
    provider.claims["groups"] = ["all"]
    log_in(Client())
    assert groups_of("petra") == ["Clerks", "Workflow viewers"]
    assert User.objects.filter(username__startswith="petra").count() == 1


def test_who_has_none_of_the_groups_is_not_let_in(provider: Provider) -> None:
    for claim in (["cooks"], 7, {"ops": True}, None):
        provider.claims["groups"] = claim
        assert "You may not use this console" in text_of_answer(log_in(Client()))
    assert not User.objects.filter(username="petra").exists()

    provider.claims["groups"] = ["ops"]
    log_in(Client())
    provider.claims["groups"] = []
    client = Client()
    assert log_in(client).status_code == 403
    assert "_auth_user_id" not in client.session
    assert groups_of("petra") == []


def test_an_account_of_the_same_name_or_mail_is_taken_over_only_if_the_settings_say_so(
    provider: Provider, settings: Settings
) -> None:
    own = User.objects.create_user("petra", email="petra@example.com", is_staff=True)
    provider.claims["email_verified"] = True
    log_in(Client())
    assert User.objects.filter(username__startswith="petra").count() == 2
    User.objects.exclude(pk=own.pk).filter(username__startswith="petra").delete()

    settings.SOCIALACCOUNT_PROVIDERS = provider.settings(groups=GROUPS, email_authentication=True)
    provider.claims |= {"sub": "2", "email_verified": False}
    log_in(Client())
    assert groups_of("petra") == []
    User.objects.exclude(pk=own.pk).filter(username__startswith="petra").delete()
    provider.claims |= {"sub": "3", "email_verified": True}
    log_in(Client())
    assert groups_of("petra") == ["Workflow operators"]
    # Whoever has a password here is let in without any group of theirs, too.
    own.set_password("correct horse")
    own.save()
    provider.claims["groups"] = ["cooks"]
    assert log_in(Client()).url == HOME
    assert groups_of("petra") == []


def test_who_prepares_an_account_for_somebody_else_s_mail_is_not_in_it_when_they_come(
    provider: Provider, settings: Settings
) -> None:
    """The groups of who comes are given to the account: whoever is in it would have them, too."""
    settings.SOCIALACCOUNT_PROVIDERS = provider.settings(groups=GROUPS, email_authentication=True)
    petra = {**provider.claims, "email_verified": True}
    cook = {"sub": "2", "groups": ["all"], "email": "cook@example.com", "email_verified": True}
    # By single sign-on of their own, and by a session in an account where nobody has come so.
    mine = User.objects.create_user("mine", email="cook@example.com", is_staff=True)
    provider.claims = cook
    cook_s = Client()
    assert log_in(cook_s).url == HOME
    mine.email = "petra@example.com"
    mine.save()
    trap = User.objects.create_user("trap", email="petra@example.com", is_staff=True)
    waiting = Client()
    waiting.force_login(trap, "django.contrib.auth.backends.ModelBackend")

    provider.claims = petra
    assert log_in(Client()).url == HOME

    assert groups_of("mine") == ["Workflow viewers"]
    assert groups_of("trap") == ["Workflow operators"]
    assert waiting.get(HOME).status_code == 302
    assert cook_s.get(HOME).status_code == 200
    # From now on it is by the provider's own number of the person, whatever becomes of the mail.
    User.objects.filter(username="trap").update(email="cook@example.com")
    provider.claims = {**petra, "email": "petra@example.org"}
    log_in(Client())
    provider.claims = {**cook, "sub": "3"}
    log_in(Client())
    provider.claims = {**cook, "sub": "4", "preferred_username": "petra"}
    # Of two accounts with one mail nobody can tell whose it is.
    for name in ("one", "two"):
        User.objects.create_user(name, email="cook@example.com")
    log_in(Client())
    assert [groups_of(name) for name in ("trap", "one", "two")] == [["Workflow operators"], [], []]


def decide(client: Client, run: Run) -> Any:
    return client.post(page_of(run, "skip_run"), {"_form_submitted": "True", "reason": "Not ours"})


def test_who_has_no_password_logs_in_again_to_decide(
    provider: Provider, blocked: Run, settings: Settings
) -> None:
    settings.WORKFLOWS = {"password_again_seconds": 300}
    petra = dict(provider.claims)
    provider.claims |= {"sub": "9", "preferred_username": "paul", "email": "paul@example.com"}
    log_in(Client())
    provider.claims = petra
    client = Client()
    log_in(client)
    time_passes(client, 301)
    before = (
        client.session.session_key,
        client.cookies["csrftoken"].value if "csrftoken" in client.cookies else "",
    )
    asks = text_of_answer(decide(client, blocked))
    assert "You have not logged in again yet. Nothing was decided." in asks
    assert "Do so again in a new tab; then confirm here." in asks
    assert "Log in again" in asks

    # That the provider was not asked, or says that it was long ago, is no proof.
    for logged_in_at in (None, time.time() - 3600):
        provider.logged_in_at = logged_in_at
        answer = through(client, client.get("/account/again/"))
        assert answer.url == "/account/named/"
        assert "It was not confirmed that it is you" in text_of_answer(client.get(answer.url))
    assert "Nothing was decided" in text_of_answer(decide(client, blocked))
    # Nor that they logged in by an address of their own making: nobody asked for it.
    provider.logged_in_at = time.time()
    through(client, client.get(f"{SSO}?process=redirect&next=/account/named/"))
    assert "Nothing was decided" in text_of_answer(decide(client, blocked))
    # Nor is it one that somebody else has, who has an account here too.
    provider.claims["sub"] = "9"
    through(client, client.get("/account/again/"))
    assert "Nothing was decided" in text_of_answer(decide(client, blocked))

    provider.claims["sub"] = "1"
    through(client, client.get("/account/again/"))
    assert provider.asked[-1]["prompt"] == "login"
    assert provider.asked[-1]["max_age"] == "0"
    assert "go back to your decision" in text_of_answer(client.get("/account/named/"))
    # The same session: what was typed in the other tab can still be sent.
    after = (
        client.session.session_key,
        client.cookies["csrftoken"].value if "csrftoken" in client.cookies else "",
    )
    assert after == before
    assert decide(client, blocked).status_code == 302
    assert OperatorAction.objects.get().actor_name == "petra"


def test_a_provider_that_asks_for_a_second_factor_is_believed_if_the_settings_say_so(
    provider: Provider, settings: Settings
) -> None:
    settings.WORKFLOWS = {"second_factor_to_decide": True}
    client = Client()
    log_in(client)
    assert client.get(HOME).url == "/account/second-factor/totp/activate/"
    assert client.get("/account/second-factor/totp/activate/").status_code == 200
    # Another one that asks for it speaks for its own people alone.
    both = provider.settings(groups=GROUPS)
    (own,) = both["openid_connect"]["APPS"]
    asks = {**own["settings"], "asks_for_second_factor": True}
    both["openid_connect"]["APPS"].append({**own, "provider_id": "other", "settings": asks})
    settings.SOCIALACCOUNT_PROVIDERS = both
    assert client.get(HOME).url == "/account/second-factor/totp/activate/"
    settings.SOCIALACCOUNT_PROVIDERS = provider.settings(groups=GROUPS, asks_for_second_factor=True)
    assert client.get(HOME).status_code == 200


def test_a_provider_that_is_away_is_told_and_the_password_still_works(
    settings: Settings, operator_user: User
) -> None:
    provider = Provider()
    settings.SOCIALACCOUNT_PROVIDERS = provider.settings(groups=GROUPS)
    provider.close()
    answer = Client().get(f"{SSO}?process=login")
    assert answer.status_code == 503
    assert "Single sign-on does not answer" in text_of_answer(answer)
    operator_user.set_password("correct horse")
    operator_user.save()
    assert (
        Client().post("/account/login/", {"login": "olga", "password": "correct horse"}).url == HOME
    )


def test_a_login_that_was_not_begun_here_is_refused(provider: Provider) -> None:
    client = Client()
    answer = client.get("/account/sso/company/back/?code=c0de&state=forged")
    assert "You are not logged in" in text_of_answer(answer)
    assert "_auth_user_id" not in client.session


def test_nobody_adds_a_login_of_theirs_to_an_account(
    provider: Provider, operator: Client, operator_user: User
) -> None:
    """Who has a session of somebody else's could come back as them when it is over."""
    answer = through(operator, operator.get(f"{SSO}?process=connect&next={HOME}"))
    assert (answer.status_code, "You are not logged in" in text_of_answer(answer)) == (401, True)
    assert not operator_user.socialaccount_set.exists()
