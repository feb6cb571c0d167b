"""The system checks of what keeps the console safe: each has a case in which it keeps silent, too."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from workflows_app.security_checks import GUARD, SESSION_AGE, check_security


def told() -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in check_security(None)]


def test_the_project_as_it_is_has_nothing_to_say(settings: Settings) -> None:
    settings.WORKFLOWS_DECIDERS = {"invoices-*": ["Clerks"], "pay": ("Clerks", "Boards")}
    assert told() == []
    del settings.WORKFLOWS_DECIDERS
    assert told() == []


@pytest.mark.parametrize(
    ("middleware", "told"),
    [
        (
            GUARD,
            (
                "workflows_app.E020",
                "The guard is missing: statements of pages have no limit, and pages show nothing of what"
                " belongs to a row.",
                f"Put '{GUARD}' first into MIDDLEWARE.",
            ),
        ),
        (
            SESSION_AGE,
            (
                "workflows_app.W020",
                "Who logged in stays so for as long as Django's session lasts, whoever sits there.",
                f"Put '{SESSION_AGE}' behind Django's MessageMiddleware in MIDDLEWARE.",
            ),
        ),
    ],
)
def test_without_the_guard_or_the_end_of_sessions_it_says_so(
    settings: Settings, middleware: str, told: tuple[str, str, str]
) -> None:
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != middleware]
    assert [(each.id, each.msg, each.hint) for each in check_security(None)] == [told]
    assert told[0] in {message.id for message in run_checks()}


@pytest.mark.parametrize(
    ("configured", "problem"),
    [
        ([], "WORKFLOWS_DECIDERS must be a dict: groups for patterns of slugs."),
        ({"pay": "Clerks"}, "WORKFLOWS_DECIDERS['pay'] must be a list"),
        ({"pay": []}, "WORKFLOWS_DECIDERS['pay'] must be a list"),
        ({"pay": [1]}, "WORKFLOWS_DECIDERS['pay'] must be a list"),
        ({1: ["Clerks"]}, "WORKFLOWS_DECIDERS[1] must be a list"),
    ],
)
def test_deciders_that_are_written_wrongly_are_quoted(
    settings: Settings, configured: Any, problem: str
) -> None:
    settings.WORKFLOWS_DECIDERS = configured
    ((id, message),) = told()
    assert (id, message.startswith(problem)) == ("workflows_app.E021", True)
