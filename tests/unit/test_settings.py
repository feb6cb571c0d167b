"""The settings, as processes see them that start with one environment or another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
# An empty variable also wins over the file .env of a developer.
NOTHING = dict.fromkeys(("DATABASE_URL", "SECRET_KEY"), "")
ENGINE = "django.db.backends.postgresql"
PRODUCTION = {
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
    "SECRET_KEY": "k2V8" * 20 + "7dQz!x_93fTyWbLm",
    "ALLOWED_HOSTS": "example.com",
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


#: Loads the settings anew for each environment, on top of the one that the process has.
_EACH = """
import importlib, json, os, sys
expression, asked = json.loads(sys.argv[1])
own, told = dict(os.environ), []
for environment, arguments in asked:
    os.environ.clear()
    os.environ.update(own | environment)
    sys.argv = ["manage.py", *arguments]
    for name in [name for name in sys.modules if name.split(".")[0] == "config"]:
        del sys.modules[name]
    settings = importlib.import_module("config.settings")
    told.append(eval(expression))
print(json.dumps(told))
"""


def in_each(expression: str, *asked: tuple[dict[str, str], list[str]]) -> list[Any]:
    """Return what `expression` makes of `settings` in each environment, for a command of these words."""
    done = run("-c", _EACH, json.dumps([expression, asked]))
    assert done.returncode == 0, done.stderr
    told: list[Any] = json.loads(done.stdout)
    return told


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
    once = setting("LANGUAGES", **PRODUCTION | {"LANGUAGES": "de, en-gb,de"})
    assert once == [["de", "Deutsch"], ["en-gb", "English"]]


@pytest.mark.parametrize(
    ("given", "pages"),
    [({}, 11), ({"WEB_THREADS": "4"}, 3), ({"WORKFLOWS": '{"pages_at_once": 5}'}, 5)],
)
def test_one_thread_of_each_web_process_is_kept_for_probes(
    given: dict[str, str], pages: int
) -> None:
    """Unless somebody says how many."""
    program = (
        "import json; from config import gunicorn, settings; print(json.dumps(settings.WORKFLOWS))"
    )

    done = run("-c", program, **PRODUCTION | given)

    assert json.loads(done.stdout) == {"pages_at_once": pages}


def test_only_what_changes_tables_connects_as_their_owner() -> None:
    owner = {"MIGRATION_DATABASE_URL": "postgres://owner@127.0.0.1:1/nothing"}
    commands = ["migrate", "grant_role", "pgtrigger", "sync_workflows", "run_worker"]
    who = in_each(
        "settings.DATABASES['default']['USER']",
        *((PRODUCTION | owner, [command]) for command in commands),
        (PRODUCTION | {"MIGRATION_DATABASE_URL": ""}, ["migrate"]),
    )

    assert dict(zip(commands, who, strict=False)) == {
        "migrate": "owner",
        "grant_role": "owner",
        "pgtrigger": "owner",
        "sync_workflows": "nobody",
        "run_worker": "nobody",
    }
    assert who[-1] == "nobody"


def test_the_demo_in_production_fails_the_checklist() -> None:
    done = run("manage.py", "check", "--deploy", **PRODUCTION | {"WORKFLOWS_DEMO": "1"})

    assert done.returncode == 1
    assert "(workflows_demo.E001) The demo is installed" in done.stderr
    assert "Leave WORKFLOWS_DEMO out" in done.stderr


def test_the_address_of_the_database_may_name_several_servers() -> None:
    url = "postgres://ops:secret@one:5433,two:5434/name?target_session_attrs=read-write"
    database = setting("DATABASES['default']", **PRODUCTION | {"DATABASE_URL": url})

    assert (database["HOST"], database["PORT"], database["NAME"]) == (
        "one,two",
        "5433,5434",
        "name",
    )
    assert database["OPTIONS"]["target_session_attrs"] == "read-write"


def test_a_server_that_vanished_without_a_word_is_noticed_soon_or_as_the_address_says() -> None:
    defaults = {
        "prepare_threshold": 3,
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,
    }
    own = {name: number + 1 for name, number in defaults.items()}
    url = f"{PRODUCTION['DATABASE_URL']}?{urlencode(own)}"
    options = in_each(
        "settings.DATABASES['default']['OPTIONS']",
        (PRODUCTION, []),
        (PRODUCTION | {"DATABASE_URL": url}, []),
    )

    assert options == [defaults, own]


def test_production_is_safe_by_django_s_own_checklist() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert done.returncode == 0, done.stderr


def test_the_checklist_sees_what_is_switched_off() -> None:
    unsafe = PRODUCTION | {"SECURE_SSL_REDIRECT": "0"}

    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **unsafe)

    assert done.returncode == 1
    assert "security.W008" in done.stderr


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


def test_static_files_are_complete_for_production(tmp_path: Path) -> None:
    environment = PRODUCTION | {"STATIC_ROOT": str(tmp_path / "static")}

    done = run("manage.py", "collectstatic", "--noinput", "-v0", **environment)

    assert done.returncode == 0, done.stderr
    page = run_django(
        "from django.test import Client\n"
        "answer = Client().get('/account/login/', secure=True, headers={'host': 'example.com'})\n"
        "print(answer.status_code)\n",
        **environment,
    )
    assert (page.stdout, page.stderr) == ("200\n", "")


def test_production_answers_by_https_only_but_for_health_checks() -> None:
    done = run_django(
        "from django.test import Client\n"
        "client = Client(headers={'host': 'example.com'})\n"
        "print(client.get('/admin/').headers['Location'])\n"
        "for page in ('/healthz', '/readyz'):\n"
        "    answer = client.get(page)\n"
        "    print(answer.status_code, answer.content.decode().strip())\n",
        **PRODUCTION,
    )

    away = "503 The database can't be reached.\n"
    assert done.stdout == f"https://example.com/admin/\n{away}{away}"


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
