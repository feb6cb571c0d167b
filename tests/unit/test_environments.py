"""What starts nothing at all says why; which settings each environment makes, `tests/texts` tells."""

from __future__ import annotations

from tests.unit.test_settings import PRODUCTION, run


def test_what_is_not_safe_does_not_start() -> None:
    done = run("manage.py", "check")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "Set DATABASE_URL to your PostgreSQL server, or DEBUG=1 on a development machine.\n",
    )


def test_that_some_code_imports_pytest_makes_nothing_less_safe() -> None:
    program = "import pytest; from config import settings; print(settings.SESSION_COOKIE_SECURE)"

    assert run("-c", program, **PRODUCTION).stdout == "True\n"
