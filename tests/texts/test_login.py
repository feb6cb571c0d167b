"""What the pages of the login say, in English and German, whole."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import translation
from pytest_django import Settings
from syrupy.assertion import SnapshotAssertion

from tests.admin.addresses import HOME, text_of_html
from tests.login.codes import code_for, secret_on

pytestmark = pytest.mark.django_db

LOGIN = "/account/login/"
FACTOR = "/account/second-factor/"
ACTIVATE = f"{FACTOR}totp/activate/"
PASSWORD = "correct horse battery"
#: Pages that only a provider's answer leads to.
ONLY_RENDERED = [
    "socialaccount/authentication_error.html",
    "socialaccount/login_cancelled.html",
    "workflows_app/login/provider_away.html",
]


def ours_of(page: str) -> str:
    """Return what a person reads, without what the theme puts around it."""
    text = text_of_html(re.sub(r"<(title|script|style).*?</\1>", "", page, flags=re.DOTALL))
    return re.split(r" ?(?:arrow_back|light_mode) ", text.split('" > ')[-1])[0]


class Reader:
    """Somebody who reads all that the console answers, in one language."""

    def __init__(self, language: str) -> None:
        self.client = Client(headers={"accept-language": language})
        self.told: list[str] = []

    def sees(self, what: str, answer: Any) -> Any:
        page = answer.content.decode()
        title = re.findall(r"<title>(.*?)</title>", page, re.DOTALL)
        text = ours_of(page)
        fields = re.findall(
            r'<(?:input|button)[^>]*type="(?!hidden)(\w+)"[^>]*?(?:name="(\w+)")?', page
        )
        # Codes and secrets are made anew each time.
        text = re.sub(r"\b([0-9a-f]{8}|[0-9]{8})\b", "(a code)", text)
        leads = f" to {answer.headers['Location']}" if "Location" in answer.headers else ""
        self.told.append(
            f"== {what}\n{answer.status_code}{leads} {text_of_html(' '.join(title))}\n{text}\n"
            f"{' '.join(kind for kind, _ in fields)}\n"
        )
        return answer

    def logs_in(self, name: str, password: str = PASSWORD) -> Any:
        return self.client.post(LOGIN, {"login": name, "password": password})


@pytest.fixture
def people(db: None) -> None:
    for name in ("olga", "otto"):
        person = User.objects.create_user(name, password=PASSWORD, is_staff=True)
        person.groups.add(Group.objects.get(name="Workflow operators"))
    User.objects.create_user("nora", password=PASSWORD)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("language", ["en-gb", "de"])
def test_what_the_pages_of_the_login_say(
    kept: SnapshotAssertion, language: str, settings: Settings
) -> None:
    cache.clear()
    reader = Reader(language)
    client, sees = reader.client, reader.sees
    sees("the login", client.get(f"{LOGIN}?next=/admin/"))
    sees("nothing given", reader.logs_in("", ""))
    sees("a wrong password", reader.logs_in("olga", "wrong"))
    for _ in range(4):
        reader.logs_in("olga", "wrong")
    sees("the sixth attempt", reader.logs_in("olga"))
    sees("who has no role", reader.logs_in("nora"))
    sees("where that leads", client.get(HOME, follow=True))
    client.post("/account/logout/")
    client.post("/admin/logout/")
    sees("a right password", reader.logs_in("otto"))
    sees("no second factor", client.get(FACTOR))
    page = client.get(ACTIVATE)
    secret = secret_on(page)
    page.content = page.content.replace(secret.encode(), b"(the secret)")
    sees("setting one up", page)
    sees("a wrong code", client.post(ACTIVATE, {"code": "000000"}))
    secret = secret_on(client.get(ACTIVATE))
    sees("a right code", client.post(ACTIVATE, {"code": code_for(secret)}))
    sees("the second factor", client.get(FACTOR))
    sees("recovery codes", client.get(f"{FACTOR}recovery-codes/"))
    client.post("/admin/logout/")
    sees("the password of who has one", reader.logs_in("otto"))
    sees("asked for it", client.get(f"{FACTOR}authenticate/"))
    sees("not that one", client.post(f"{FACTOR}authenticate/", {"code": "000000"}))
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/h/ip"}
    cache.clear()
    reader.logs_in("olga", "wrong")
    sees("too many from one address", reader.logs_in("olga", "wrong"))
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="olga")
    with translation.override(language):
        for name in ONLY_RENDERED:
            text = render_to_string(name, {"request": request}, request=request)
            reader.told.append(f"== {name}\n{ours_of(text)}\n")
        for is_named in (True, False):
            named = "workflows_app/login/named.html"
            text = render_to_string(named, {"is_named": is_named}, request=request)
            reader.told.append(f"== {named} {is_named}\n{ours_of(text)}\n")
    assert "\n".join(reader.told) == kept(name=language)
