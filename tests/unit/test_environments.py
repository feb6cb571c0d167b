"""Which environments start what, and which start nothing at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.test_settings import ENGINE, PRODUCTION, run

KEY = PRODUCTION["SECRET_KEY"]
URL = PRODUCTION["DATABASE_URL"]
NEEDS_A_DATABASE = (
    "Set DATABASE_URL to your PostgreSQL server, or DEBUG=1 on a development machine."
)
REMEDY = (
    "Set SECRET_KEY to a text as this prints:"
    " python3 -c 'import secrets; print(secrets.token_urlsafe(64))'"
)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, NEEDS_A_DATABASE),
        ({"SECRET_KEY": KEY}, NEEDS_A_DATABASE),
        ({"DEBUG": "0"}, NEEDS_A_DATABASE),
        ({"DEBUG": "0", "SECRET_KEY": KEY, "WORKFLOWS_DEMO": "1"}, NEEDS_A_DATABASE),
        ({"EMBEDDED_POSTGRES_NAME": "ours"}, f"SECRET_KEY is missing. {REMEDY}"),
        ({"DATABASE_URL": URL}, f"SECRET_KEY is missing. {REMEDY}"),
        ({"DATABASE_URL": URL, "SECRET_KEY": " " * 60}, f"SECRET_KEY is missing. {REMEDY}"),
        (
            {"DATABASE_URL": URL, "SECRET_KEY": "development-only-not-a-secret"},
            f"SECRET_KEY has 29 characters, and needs 50. {REMEDY}",
        ),
        ({"DATABASE_URL": URL, "SECRET_KEY": "ab" * 40}, f"SECRET_KEY can be guessed. {REMEDY}"),
        (
            {"DATABASE_URL": URL, "SECRET_KEY": f"django-insecure-{KEY}"},
            f"SECRET_KEY can be guessed. {REMEDY}",
        ),
    ],
)
def test_what_is_not_safe_does_not_start(environment: dict[str, str], sentence: str) -> None:
    done = run("manage.py", "check", **environment)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{sentence}\n")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        # debug, engine, cookies only by HTTPS, the demo, static files as they are while developing
        ({"DEBUG": "1"}, [True, "config.embedded_postgres", False, True, False]),
        ({"DEBUG": "1", "DATABASE_URL": URL}, [True, ENGINE, False, True, False]),
        ({"DATABASE_URL": URL, "SECRET_KEY": KEY}, [False, ENGINE, True, False, True]),
        (
            {"DATABASE_URL": URL, "SECRET_KEY": KEY, "WORKFLOWS_DEMO": "1"},
            [False, ENGINE, True, True, True],
        ),
    ],
)
def test_what_starts_is_production_unless_it_says_otherwise(
    environment: dict[str, str], expected: list[Any]
) -> None:
    facts = (
        "settings.DEBUG, settings.DATABASES['default']['ENGINE'],"
        " all(getattr(settings, f'{name}_COOKIE_SECURE', False) for name in ('SESSION', 'CSRF')),"
        " 'workflows_app.demo' in settings.INSTALLED_APPS, bool(settings.STATIC_ROOT)"
    )
    done = run(
        "-c",
        f"import json; from config import settings; print(json.dumps([{facts}]))",
        **environment,
    )

    assert json.loads(done.stdout or "[]") == expected, done.stderr


def test_that_some_code_imports_pytest_makes_nothing_less_safe() -> None:
    program = "import pytest; from config import settings; print(settings.SESSION_COOKIE_SECURE)"

    assert run("-c", program, **PRODUCTION).stdout == "True\n"
