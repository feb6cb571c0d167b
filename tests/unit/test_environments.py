"""Which environments start what, and which start nothing at all."""

from __future__ import annotations

import json

from tests.unit.test_settings import ENGINE, PRODUCTION, in_each, run

KEY = PRODUCTION["SECRET_KEY"]
URL = PRODUCTION["DATABASE_URL"]
NEEDS_A_DATABASE = (
    "Set DATABASE_URL to your PostgreSQL server, or DEBUG=1 on a development machine."
)
IN_A_PASSWORD = "In a password # is written as %23, / as %2F, ? as %3F, @ as %40, % as %25."
NO_ADDRESS = (
    "DATABASE_URL is no address of a database, as postgres://user:password@host:5432/name."
    f" {IN_A_PASSWORD}"
)
NO_MAIL = (
    "EMAIL_URL is no address of a mail server, as smtp+tls://user:password@host:587."
    f" {IN_A_PASSWORD}"
)
REMEDY = (
    "Set SECRET_KEY to a text as this prints:"
    " python3 -c 'import secrets; print(secrets.token_urlsafe(64))'"
)


#: Starts manage.py in each environment, and prints what it ends with; none gets as far as to have settings.
_EACH = """
import json, os, sys
import manage
own, told = dict(os.environ), []
for environment in json.loads(sys.argv.pop()):
    os.environ.clear()
    os.environ.update(own | environment)
    sys.argv = ["manage.py", "check"]
    for name in [name for name in sys.modules if name.split(".")[0] == "config"]:
        del sys.modules[name]
    try:
        manage.main()
    except SystemExit as end:
        told.append(end.code)
print(json.dumps(told))
"""


def refusals(*environments: dict[str, str]) -> list[str]:
    """Return the sentence that `manage.py check` ends with in each environment."""
    done = run("-c", _EACH, json.dumps(environments))
    assert (done.returncode, done.stderr) == (0, "")
    told: list[str] = json.loads(done.stdout)
    return told


def test_what_is_not_safe_does_not_start() -> None:
    asked: list[tuple[dict[str, str], str]] = [
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
        (
            {"DATABASE_URL": URL, "SECRET_KEY": KEY[-49:]},
            f"SECRET_KEY has 49 characters, and needs 50. {REMEDY}",
        ),
        (
            {"DATABASE_URL": URL, "SECRET_KEY": "abcdefg" * 8},
            f"SECRET_KEY can be guessed. {REMEDY}",
        ),
        (
            {"DATABASE_URL": URL, "SECRET_KEY": f"django-insecure-{KEY}"},
            f"SECRET_KEY can be guessed. {REMEDY}",
        ),
    ]
    assert refusals(*(environment for environment, _ in asked)) == [said for _, said in asked]
    done = run("manage.py", "check")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{NEEDS_A_DATABASE}\n")


def test_a_value_that_cannot_be_read_is_told_by_the_name_of_its_variable_alone() -> None:
    asked: list[tuple[dict[str, str], str]] = [
        (
            {"WORKFLOWS": "{bad"},
            "WORKFLOWS must be JSON: Expecting property name enclosed in double quotes",
        ),
        ({"WORKFLOWS": "[1]", "PAGES_AT_ONCE": "3"}, "WORKFLOWS must be a JSON object, as {}"),
        (
            {"WORKFLOWS": '{"alerts": 5}', "ALERT_CHANNELS": "{}"},
            "WORKFLOWS['alerts'] must be a JSON object, as {}",
        ),
        ({"WORKFLOWS_DECIDERS": "[1]"}, "WORKFLOWS_DECIDERS must be a JSON object, as {}"),
        ({"CONN_MAX_AGE": "abc"}, "CONN_MAX_AGE must be a whole number"),
        (
            {"DATABASE_PREPARE_THRESHOLD": "abc"},
            "DATABASE_PREPARE_THRESHOLD must be a whole number",
        ),
        ({"TIME_ZONE": "Mars/X"}, "TIME_ZONE must be a time zone, as Europe/Berlin"),
        ({"TIME_ZONE": "Europe"}, "TIME_ZONE must be a time zone, as Europe/Berlin"),
        ({"LANGUAGES": "fr"}, "LANGUAGES must be of en-gb, de"),
        ({"LANGUAGES": ""}, "LANGUAGES must be of en-gb, de"),
        ({"SECURE_SSL_REDIRECT": "ture"}, "SECURE_SSL_REDIRECT must be 1 or 0"),
        ({"DATABASE_URL": "garbage"}, NO_ADDRESS),
        ({"DATABASE_URL": "postgers://ops:a-secret@host/name"}, NO_ADDRESS),
        ({"DATABASE_URL": "postgres://ops:half/a-secret@host/name"}, NO_ADDRESS),
        ({"EMAIL_URL": "smtp://ops:half/a-secret@host:25"}, NO_MAIL),
        ({"EMAIL_URL": "a-secret"}, NO_MAIL),
    ]
    told = refusals(*(PRODUCTION | environment for environment, _ in asked))
    assert told == [sentence for _, sentence in asked]


#: Debug, engine, cookies only by HTTPS, the demo, static files as they are while developing.
FACTS = (
    "[settings.DEBUG, settings.DATABASES['default']['ENGINE'],"
    " bool(getattr(settings, 'SESSION_COOKIE_SECURE', 0) and getattr(settings, 'CSRF_COOKIE_SECURE', 0)),"
    " 'workflows_app.demo' in settings.INSTALLED_APPS, bool(settings.STATIC_ROOT)]"
)


def test_what_starts_is_production_unless_it_says_otherwise() -> None:
    asked: list[dict[str, str]] = [
        {"DEBUG": "1"},
        {"DEBUG": "1", "DATABASE_URL": URL},
        {"DATABASE_URL": URL, "SECRET_KEY": KEY[-50:]},
        {"DATABASE_URL": URL, "SECRET_KEY": "abcdefgh" * 8},
        {"DATABASE_URL": URL, "SECRET_KEY": KEY, "WORKFLOWS_DEMO": "1"},
    ]
    assert in_each(FACTS, *((environment, []) for environment in asked)) == [
        [True, "config.embedded_postgres", False, True, False],
        [True, ENGINE, False, True, False],
        [False, ENGINE, True, False, True],
        [False, ENGINE, True, False, True],
        [False, ENGINE, True, True, True],
    ]


def test_that_some_code_imports_pytest_makes_nothing_less_safe() -> None:
    program = "import pytest; from config import settings; print(settings.SESSION_COOKIE_SECURE)"

    assert run("-c", program, **PRODUCTION).stdout == "True\n"
