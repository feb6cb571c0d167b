"""Logging in with a second factor, and choosing what to be told of: as people do it, on a phone too."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User
from pytest_django import Settings

from tests.browser.conftest import PASSWORD
from tests.browser.tab import Tab
from tests.login.codes import code_for
from workflows_app.models import AlertChoice


def log_in(tab: Tab) -> None:
    tab.open("/admin/")
    tab.fill("Username", "olga")
    tab.fill("Password", PASSWORD)
    tab.click("Log in", "button")


def test_a_second_factor_is_set_up_and_then_asked_for(
    olga: User, browse: Callable[..., Tab], settings: Settings
) -> None:
    settings.WORKFLOWS = {"second_factor_to_decide": True}
    tab = browse(is_logged_in=False)
    log_in(tab)
    tab.sees("Whoever may decide here needs a second factor. Set yours up.")
    secret = tab.value("Key", exact=True)
    tab.fill("Authenticator code", code_for(secret))
    tab.click("Set up", "button")
    tab.sees("10 of 10 are left")
    tab.click("I have them: on to the console")
    tab.sees("Nothing waits for a decision.")

    phone = browse(is_logged_in=False, width=390, dark=True)
    log_in(phone)
    phone.sees("Type the six digits")
    assert phone.width() <= 390
    phone.fill("Code", code_for(secret, steps=1))
    phone.click("Log in", "button")
    phone.sees("Nothing waits for a decision.")


def test_a_person_chooses_on_a_phone_what_to_be_told_of(
    olga: User, browse: Callable[..., Tab]
) -> None:
    User.objects.filter(pk=olga.pk).update(email="olga@example.com")
    tab = browse(width=390)
    tab.open("/admin/workflows_app/alertchoice/add/")
    assert tab.width() <= 390
    tab.click("Save", "button")
    tab.sees("olga@example.com", "an unknown outcome waits for a decision")
    assert tab.width() <= 390
    assert AlertChoice.objects.get().person == olga
