"""The system checks of the login: each has a case in which it keeps silent, too."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from workflows_app.login.checks import MIDDLEWARE, check_login
from workflows_app.security_checks import check_security

COMPANY = {
    "provider_id": "company",
    "name": "the company",
    "client_id": "c",
    "secret": "s",
    "settings": {"server_url": "https://login.example.com", "groups": {"ops": "Operators"}},
}


def told() -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in check_login(None)]


def test_the_project_as_it_is_has_nothing_to_say(settings: Settings) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [COMPANY]}}
    settings.WORKFLOWS = {"second_factor_to_decide": True}
    assert told() == []
    assert check_security(None) == []


def test_what_is_missing_is_named(settings: Settings) -> None:
    del settings.MFA_ADAPTER
    settings.LOGIN_URL = "admin:login"
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != MIDDLEWARE]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.ROOT_URLCONF = "workflows_app.urls"
    in_one_process = told()[-1]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert told()[-1] == in_one_process
    assert [id for id, _ in told()] == [
        "workflows_app.E041",
        "workflows_app.E041",
        "workflows_app.E042",
        "workflows_app.E044",
        "workflows_app.W041",
    ]
    assert told()[0][1] == (
        "The login needs MFA_ADAPTER = 'workflows_app.login.adapters.SecondFactorAdapter'."
    )
    assert {message.id for message in run_checks()} >= {"workflows_app.E042", "workflows_app.W041"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"secret": ""}, "it has no secret."),
        ({"settings": {}}, "it has no settings.server_url."),
        (
            {"settings": {"server_url": "x", "groups": ["ops"]}},
            "its groups must be a dict: a group here for each there.",
        ),
    ],
)
def test_a_provider_that_is_set_up_wrongly_is_named(
    settings: Settings, change: dict[str, Any], problem: str
) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [{**COMPANY, **change}]}}
    assert told() == [("workflows_app.E043", f"Single sign-on by 'company': {problem}")]
