"""The settings, as processes see them that start with one environment or another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

ROOT = Path(__file__).resolve().parents[2]
# An empty variable also wins over the file .env of a developer.
NOTHING = dict.fromkeys(("DATABASE_URL", "SECRET_KEY"), "")
PRODUCTION = {
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "SECRET_KEY": "k2V8" * 20 + "7dQz!x_93fTyWbLm",
    "ALLOWED_HOSTS": "example.com",
    "WORKFLOWS_DEMO": "0",
}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project's directory, with this environment and nothing of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=kept | {"DJANGO_SETTINGS_MODULE": "config.settings"} | NOTHING | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def setting(name: str, **environment: str) -> Any:
    """Return a setting in a process with this environment."""
    program = f"import json; from config import settings; print(json.dumps(settings.{name}))"
    done = run("-c", program, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run_django(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program after Django's set-up."""
    return run("-c", f"import django; django.setup()\n{program}", **environment)


def test_a_machine_without_a_database_url_is_for_development() -> None:
    assert setting("DEBUG") is True
    assert setting("DATABASES['default']['ENGINE']") == "config.embedded_postgres"
    assert setting("WITH_DEMO") is True


def test_a_database_url_means_production() -> None:
    assert setting("DEBUG", **PRODUCTION) is False
    assert setting("DATABASES['default']['ENGINE']", **PRODUCTION) == (
        "django.db.backends.postgresql"
    )
    assert setting("ALLOWED_HOSTS", **PRODUCTION) == ["example.com"]


def test_the_address_of_the_database_may_name_several_servers() -> None:
    url = "postgres://ops:secret@one:5433,two:5434/name?target_session_attrs=read-write"
    database = setting("DATABASES['default']", **PRODUCTION | {"DATABASE_URL": url})

    assert (database["HOST"], database["PORT"], database["NAME"]) == (
        "one,two",
        "5433,5434",
        "name",
    )
    assert database["OPTIONS"]["target_session_attrs"] == "read-write"


def test_a_server_that_vanished_without_a_word_is_noticed_soon() -> None:
    url = f"{PRODUCTION['DATABASE_URL']}?connect_timeout=9"
    options = setting("DATABASES['default']['OPTIONS']", **PRODUCTION | {"DATABASE_URL": url})

    assert options == {
        "prepare_threshold": 3,
        "connect_timeout": 9,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,
    }


def test_production_without_a_secret_key_is_refused_in_a_sentence() -> None:
    done = run("manage.py", "check", **PRODUCTION | {"SECRET_KEY": ""})

    assert done.returncode == 1
    assert done.stderr == (
        "Set SECRET_KEY to a long random text, or DEBUG=1 on a development machine.\n"
    )


def test_production_is_safe_by_django_s_own_checklist() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert done.returncode == 0, done.stderr


def test_the_checklist_sees_what_is_switched_off() -> None:
    unsafe = PRODUCTION | {"SECURE_SSL_REDIRECT": "0"}

    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **unsafe)

    assert done.returncode == 1
    assert "security.W008" in done.stderr


def test_workflows_policy_comes_from_the_environment() -> None:
    assert setting("WORKFLOWS", WORKFLOWS='{"peek_limit": 7}') == {"peek_limit": 7}


def test_an_error_is_one_line_on_stderr_and_a_mail_to_the_admins() -> None:
    done = run_django(
        "import logging\n"
        "from django.core import mail\n"
        "logging.getLogger('workflows_app.engine').error('it went wrong')\n"
        "print([(m.to, m.subject.splitlines()) for m in mail.outbox])\n",
        **PRODUCTION,
        ADMINS="ops@example.com",
        EMAIL_URL="memorymail://",
    )

    assert done.stdout == "[(['ops@example.com'], ['[Django] ERROR: it went wrong'])]\n"
    (line,) = done.stderr.splitlines()
    assert line.endswith(" ERROR workflows_app.engine it went wrong")


def test_django_s_own_words_are_logged_once() -> None:
    done = run_django("import logging; logging.getLogger('django.request').warning('Not Found')")

    (line,) = done.stderr.splitlines()
    assert line.endswith(" WARNING django.request Not Found")


def test_static_files_are_complete_for_production(tmp_path: Path) -> None:
    environment = PRODUCTION | {"STATIC_ROOT": str(tmp_path / "static")}

    done = run("manage.py", "collectstatic", "--noinput", "-v0", **environment)

    assert done.returncode == 0, done.stderr
    page = run_django(
        "from django.test import Client\n"
        "answer = Client().get('/admin/login/', secure=True, headers={'host': 'example.com'})\n"
        "print(answer.status_code)\n",
        **environment,
    )
    assert (page.stdout, page.stderr) == ("200\n", "")


def test_production_answers_by_https_only_but_for_health_checks() -> None:
    done = run_django(
        "from django.test import Client\n"
        "client = Client(headers={'host': 'example.com'})\n"
        "print(client.get('/admin/').headers['Location'])\n"
        "print(client.get('/healthz').status_code)\n",
        **PRODUCTION,
    )

    assert done.stdout == "https://example.com/admin/\n503\n"


@pytest.mark.django_db
def test_health_is_ok_while_the_database_answers(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["ops.example.com", "10.1.2.3:8000", "[fd00::7]:8000", "probe"])
def test_health_is_told_whatever_name_the_probe_uses(
    client: Client, settings: Settings, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["ops.example.com"]

    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_no_other_page_is_shown_under_a_name_that_is_not_ours(
    client: Client, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["ops.example.com"]

    for page in ("/", "/admin/login/", "/healthz/", "/healthz/more"):
        assert client.get(page, headers={"host": "evil.example.net"}).status_code == 400


def test_the_root_leads_to_the_admin(client: Client) -> None:
    answer = client.get("/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")


@pytest.mark.django_db
def test_pages_load_nothing_from_other_hosts_and_run_no_inline_script(client: Client) -> None:
    policy = client.get("/admin/login/").headers["Content-Security-Policy"]

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
