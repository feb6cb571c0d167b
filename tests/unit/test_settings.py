"""The settings, as processes see them that start with one environment or another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
# An empty variable also wins over the file .env of a developer.
NOTHING = dict.fromkeys(("DATABASE_URL", "SECRET_KEY"), "")
PRODUCTION = {
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "SECRET_KEY": "k2V8" * 20 + "7dQz!x_93fTyWbLm",
    "ALLOWED_HOSTS": "example.com",
}


def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project's directory, with this environment and nothing of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=kept | {"DJANGO_SETTINGS_MODULE": "config.settings"} | NOTHING | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def run_django(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program after Django's set-up."""
    return run("-c", f"import django; django.setup()\n{program}", **environment)


def test_the_console_names_its_fields_in_whatever_language_comes_first() -> None:
    program = (
        "from django.utils import translation\n"
        "from workflows_app.models import Event\n"
        "name = Event._meta.get_field('reserved_by').verbose_name\n"
        "for language in ('de', 'en-gb'):\n"
        "    with translation.override(language):\n"
        "        print(name)"
    )
    for languages in ("de,en-gb", "en-gb,de"):
        done = run_django(program, **PRODUCTION | {"LANGUAGES": languages})
        assert (done.returncode, done.stdout.split("\n")) == (
            0,
            ["reserviert von", "reserved by", ""],
        ), done.stderr


def test_production_is_safe_by_django_s_own_checklist() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert done.returncode == 0, done.stderr


def test_the_checklist_sees_the_demo_and_what_is_switched_off() -> None:
    unsafe = PRODUCTION | {"SECURE_SSL_REDIRECT": "0", "WORKFLOWS_DEMO": "1"}

    done = run("manage.py", "check", "--deploy", **unsafe)

    assert done.returncode == 1
    assert "security.W008" in done.stderr
    assert "(workflows_demo.E001) The demo is installed" in done.stderr
    assert "Leave WORKFLOWS_DEMO out" in done.stderr


def test_an_error_is_told_in_the_log_and_by_no_mail() -> None:
    done = run_django(
        "import logging\n"
        "from django.conf import settings\n"
        "from django.core import mail\n"
        "settings.ADMINS = [('', 'ops@example.com')]\n"
        "for name in ('workflows_app.engine', 'django.request'):\n"
        "    logging.getLogger(name).error('it went wrong', extra={'status_code': 500})\n"
        "print(getattr(mail, 'outbox', []))\n",
        **PRODUCTION,
        EMAIL_URL="memorymail://",
    )

    assert done.stdout == "[]\n"
    assert [line.partition(" ERROR ")[2] for line in done.stderr.splitlines()] == [
        "workflows_app.engine it went wrong",
        "django.request it went wrong",
    ]


def test_django_s_own_words_are_logged_once() -> None:
    done = run_django(
        "import logging; logging.getLogger('django.request').warning('Not Found')", DEBUG="1"
    )

    (line,) = done.stderr.splitlines()
    assert line.endswith(" WARNING django.request Not Found")


def test_production_has_its_static_files_and_answers_by_https_only_but_for_health_checks(
    tmp_path: Path,
) -> None:
    environment = PRODUCTION | {"STATIC_ROOT": str(tmp_path / "static")}

    done = run_django(
        "from django.core.management import call_command\n"
        "call_command('collectstatic', '--noinput', '-v0')\n"
        "from django.test import Client\n"
        "client = Client(headers={'host': 'example.com'})\n"
        "print(client.get('/account/login/', secure=True).status_code)\n"
        "print(client.get('/admin/').headers['Location'])\n"
        "for page in ('/healthz', '/readyz'):\n"
        "    answer = client.get(page)\n"
        "    print(answer.status_code, answer.content.decode().strip())\n",
        **environment,
    )

    away = "503 The database can't be reached.\n"
    assert done.stdout == f"200\nhttps://example.com/admin/\n{away}{away}", done.stderr
    (line,) = done.stderr.splitlines()
    assert " WARNING workflows_app database.away " in line


def test_the_root_leads_to_the_admin(client: Client) -> None:
    answer = client.get("/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")


@pytest.mark.django_db
def test_pages_load_nothing_from_other_hosts_and_run_no_inline_script(client: Client) -> None:
    policy = client.get("/account/login/").headers["Content-Security-Policy"]

    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives == {
        "default-src": "'self'",
        "script-src": "'self' 'unsafe-eval'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
