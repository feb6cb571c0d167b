"""The settings that each environment makes, whole, and the sentence where one makes none."""

from __future__ import annotations

import json
import re

from syrupy.assertion import SnapshotAssertion

from tests.unit.test_settings import PRODUCTION, ROOT, run

#: Loads the settings anew in each environment, and tells all of them, or why there are none.
_EACH = r"""
import importlib, json, os, sys, types
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise

def lines(name, value):
    if isinstance(value, dict):
        return [line for key in sorted(value) for line in lines(f"{name}.{key}", value[key])]
    if isinstance(value, (list, tuple)) and any(isinstance(each, dict) for each in value):
        return [line for at, each in enumerate(value) for line in lines(f"{name}.{at}", each)]
    if isinstance(value, (set, frozenset)):
        value = sorted(value)
    if name.endswith("unless_told.callback"):
        records = [types.SimpleNamespace(status_code=status) for status in (None, *range(600))]
        value = ["all but", *(each.status_code for each in records if not value(each))]
    if isinstance(value, types.FunctionType):
        value = "a function"
    if isinstance(value, Promise):
        value = f"later: {', '.join(value._args)}"
    shown = repr(str(value) if isinstance(value, os.PathLike) else value)
    return [f"{name} = {shown.replace(root, '(the project)')}"]

root, asked = json.loads(sys.stdin.read())
own, told = dict(os.environ), []
for environment, arguments in asked:
    os.environ.clear()
    os.environ.update(own | environment)
    sys.modules.pop("pytest", None)
    if "PYTEST_VERSION" in environment:
        sys.modules["pytest"] = types.ModuleType("pytest")
    sys.argv = ["manage.py", *arguments]
    for name in [name for name in sys.modules if name.split(".")[0] == "config"]:
        del sys.modules[name]
    try:
        if "SERVED_BY_GUNICORN" in environment:
            importlib.import_module("config.gunicorn")
        settings = importlib.import_module("config.settings")
        names = [name for name in dir(settings) if name.isupper()]
        told.append([line for name in names for line in lines(name, getattr(settings, name))])
    except ImproperlyConfigured as error:
        told.append(str(error))
print(json.dumps(told))
"""
_UNDER_PYTEST = {"PYTEST_VERSION": "9", "SECRET_KEY": "k" * 60}
#: Whole settings.
BASES = {
    "production": PRODUCTION,
    "debug": {"DEBUG": "1"},
    "debug on a server of one's own": {"DEBUG": "1", "DATABASE_URL": PRODUCTION["DATABASE_URL"]},
    "under pytest": _UNDER_PYTEST,
    "the demo": {
        "EMBEDDED_POSTGRES_NAME": "demo",
        "EMBEDDED_POSTGRES_DIR": "/srv/demo",
        "SECRET_KEY": PRODUCTION["SECRET_KEY"],
        "WORKFLOWS_DEMO": "1",
    },
}
#: `SERVED_BY_GUNICORN`: its configuration is read first.
#: What each of these changes in production: a variable, its values, and for which command.
CHANGES = """
ALERT_CHANNELS={"ops": "json://x"} WORKFLOWS={"alerts":{"repeat_seconds":1},"peek_limit":7}
ALERT_CHANNELS={"ops": "json://x"} WORKFLOWS={"alerts":{"channels":{"old":"json://y"}}}
ALERT_CHANNELS={"ops": "json://x"}
ALLOWED_HOSTS=
ALLOWED_HOSTS=one.example,two.example
ALLOWED_HOSTS= .one.example , 127.0.0.1,[::1],
ALLOWED_HOSTS=*
BEHIND_HTTPS_PROXY=1
BEHIND_HTTPS_PROXY=0
CONN_MAX_AGE=7
CSRF_TRUSTED_ORIGINS=https://a.example,https://b.example
CSRF_TRUSTED_ORIGINS=https://*.a.example , http://b.example:8000,
DATABASE_PREPARE_THRESHOLD=
DATABASE_PREPARE_THRESHOLD=0
DATABASE_PREPARE_THRESHOLD=7
DATABASE_URL=postgres://ops:s3cret@one:5433,two:5434/name?target_session_attrs=read-write&connect_timeout=6&prepare_threshold=8&tcp_user_timeout=7&keepalives_idle=9&keepalives_interval=4&keepalives_count=2
DATABASE_URL=postgis://ops@one/name
DEBUG=0
DISABLE_SERVER_SIDE_CURSORS=1
EMAIL_TIMEOUT=1
EMAIL_URL=smtp+tls://ops:s3cret@mail.example:587
EMAIL_URL=smtp://mail.example:25
EMBEDDED_POSTGRES_NAME=ours
LANGUAGES=de,en-gb
LANGUAGES=de, en-gb,de
LANGUAGES=de
LOG_LEVEL=ERROR
OPENID_CONNECT=[{"provider_id": "x"}]
PAGES_AT_ONCE=7
PAGES_AT_ONCE=7 WORKFLOWS={"pages_at_once":5}
SECURE_HSTS_INCLUDE_SUBDOMAINS=0
SECURE_HSTS_PRELOAD=0
SECURE_HSTS_SECONDS=0
SECURE_SSL_REDIRECT=0
SERVER_EMAIL=
SERVER_EMAIL= ops@intranet
SERVER_EMAIL=The host <ops@a.example>
SERVER_EMAIL="Host, the" <ops@a.example>
STATIC_ROOT=/srv/static
STATIC_ROOT=static
STATIC_ROOT=
TIME_ZONE=Europe/Berlin
SERVED_BY_GUNICORN=1
SERVED_BY_GUNICORN=1 WEB_THREADS=2
SERVED_BY_GUNICORN=1 WEB_THREADS=4 WORKFLOWS={"pages_at_once":5}
SERVED_BY_GUNICORN=1 PAGES_AT_ONCE=3
WORKFLOWS={"peek_limit":7}
WORKFLOWS_DECIDERS={"a": ["b"]}
WORKFLOWS_DEMO=1
WORKFLOWS_LOG_LEVEL=DEBUG
MIGRATION_DATABASE_URL=postgres://owner@127.0.0.1:1/nothing
MIGRATION_DATABASE_URL=postgres://owner@127.0.0.1:1/nothing for migrate
MIGRATION_DATABASE_URL=postgres://owner@127.0.0.1:1/nothing for grant_role
MIGRATION_DATABASE_URL=postgres://owner@127.0.0.1:1/nothing for pgtrigger
MIGRATION_DATABASE_URL=postgres://owner@127.0.0.1:1/nothing for sync_workflows migrate
MIGRATION_DATABASE_URL=postgres://owner@127.0.0.1:1/nothing for run_worker
MIGRATION_DATABASE_URL= for migrate
SECURE_HSTS_PRELOAD=
BEHIND_HTTPS_PROXY=
SECURE_HSTS_PRELOAD=false
SECURE_HSTS_PRELOAD=Off
SECURE_HSTS_PRELOAD=no
SECURE_HSTS_PRELOAD=n
SECURE_HSTS_PRELOAD=true
SECURE_HSTS_PRELOAD=On
SECURE_HSTS_PRELOAD=yes
SECURE_HSTS_PRELOAD=y
SECRET_KEY={fifty}
SECRET_KEY=${fifty}
SECRET_KEY=abcdefghabcdefghabcdefghabcdefghabcdefghabcdefghab
"""
#: What is told instead of settings.
REFUSED = """
DATABASE_URL=
DATABASE_URL= DEBUG=0
SECRET_KEY=
SECRET_KEY= DATABASE_URL= EMBEDDED_POSTGRES_NAME=ours
SECRET_KEY=development-only-not-a-secret
SECRET_KEY={forty-nine}
SECRET_KEY=abcdefgabcdefgabcdefgabcdefgabcdefgabcdefgabcdefgabcdefg
SECRET_KEY=django-insecure-{fifty}
SECRET_KEY=  {forty-nine}
EMBEDDED_POSTGRES_NAME= DATABASE_URL=
ALERT_CHANNELS={bad
ALERT_CHANNELS={} WORKFLOWS={"alerts":5}
ALLOWED_HOSTS=*.a.example
ALLOWED_HOSTS=.
ALLOWED_HOSTS=https://a.example
ALLOWED_HOSTS=a.example:8000
ALLOWED_HOSTS=a.example b.example
BEHIND_HTTPS_PROXY=maybe
CONN_MAX_AGE=abc
CONN_MAX_AGE=-1
CSRF_TRUSTED_ORIGINS=a.example
CSRF_TRUSTED_ORIGINS=https://*
CSRF_TRUSTED_ORIGINS=https://a.example/
DATABASE_PREPARE_THRESHOLD=abc
DATABASE_PREPARE_THRESHOLD=-1
DATABASE_URL=garbage
DATABASE_URL=postgres://ops:a-secret@host/
DATABASE_URL=$postgres://ops:a-secret@host/name
DATABASE_URL=postgers://ops:a-secret@host/name
DATABASE_URL=postgres://ops:half/a-secret@host/name
DATABASE_URL=mysql://ops:a-secret@host/name
DATABASE_URL=sqlite:////srv/a-secret
DATABASE_URL=sqlite://
DATABASE_URL=oracle://ops:a-secret@host:1521/
MIGRATION_DATABASE_URL=mysql://owner:a-secret@host/name for migrate
DEBUG=ture
DISABLE_SERVER_SIDE_CURSORS=ture
EMAIL_TIMEOUT=1.5
EMAIL_TIMEOUT=0
EMAIL_TIMEOUT=1000000001
EMAIL_URL=a-secret
EMAIL_URL=smtp://ops:half/a-secret@host:25
LANGUAGES=
LANGUAGES=fr
LOG_LEVEL=LOUD
OPENID_CONNECT=[
OPENID_CONNECT={"secret": "a-secret"}
OPENID_CONNECT=["a-secret"]
PAGES_AT_ONCE=many
PAGES_AT_ONCE=-1
SERVED_BY_GUNICORN=1 WEB_THREADS=
SERVED_BY_GUNICORN=1 WEB_THREADS=1
SECURE_HSTS_INCLUDE_SUBDOMAINS=ture
SECURE_HSTS_PRELOAD=ture
SECURE_HSTS_SECONDS=long
SECURE_HSTS_SECONDS=-1
SECURE_SSL_REDIRECT=ture
SERVER_EMAIL=nobody
SERVER_EMAIL=ops@a.example,ops@b.example
STATIC_ROOT=.
STATIC_ROOT=/
TIME_ZONE=Europe
TIME_ZONE=Mars/X
WORKFLOWS={bad
WORKFLOWS=[1]
WORKFLOWS=[1] PAGES_AT_ONCE=3
WORKFLOWS_DECIDERS=[1]
WORKFLOWS_DEMO=ture
"""

#: Where the embedded server is by default: in the project, or where its user can get to.
_PLACE = r"(?<=EMBEDDED_DIR = ')(?!/srv)[^']+"
Asked = tuple[dict[str, str], list[str]]
_KEYS = {"{fifty}": PRODUCTION["SECRET_KEY"][-50:], "{forty-nine}": PRODUCTION["SECRET_KEY"][-49:]}


def asked(line: str) -> Asked:
    """Return the environment and the command's words that a line tells."""
    told, _, words = line.partition(" for ")
    for name, key in _KEYS.items():
        told = told.replace(name, key)
    # A value may have spaces.
    variables = re.split(r"(?:^| )([A-Z_]+)=", told)[1:]
    given = dict(zip(variables[::2], variables[1::2], strict=True))
    return PRODUCTION | given, words.split()


def settings_of(*each: Asked) -> list[list[str] | str]:
    """Return the settings of each environment, a text for each, or why it has none."""
    done = run("-c", _EACH, stdin=json.dumps([str(ROOT), each]))
    assert done.returncode == 0, done.stderr
    told: list[list[str] | str] = json.loads(done.stdout)
    return told


def test_each_environment_makes_these_settings(kept: SnapshotAssertion) -> None:
    """From environments that are empty but for what is said."""
    lines = CHANGES.strip().splitlines()
    wholes = [(environment, ["runserver"]) for environment in BASES.values()]
    told = settings_of(*wholes, *map(asked, lines))
    for name, whole in zip(BASES, told, strict=False):
        text = re.sub(_PLACE, "(the default)", "\n".join(whole)) + "\n"
        assert text == kept(name=name)
    changed = []
    for line, settings in zip(lines, told[len(BASES) :], strict=True):
        other = [each for each in settings if each not in told[0]]
        gone = {each.split(" ")[0] for each in told[0]} - {each.split(" ")[0] for each in settings}
        changed += [f"# {line}", *other, *(f"no {name}" for name in sorted(gone)), ""]
    assert "\n".join(changed) == kept(name="what changes")


def test_each_of_these_environments_is_refused_with_a_sentence(kept: SnapshotAssertion) -> None:
    lines = REFUSED.strip().splitlines()
    told = settings_of(*map(asked, lines))
    said = [each if isinstance(each, str) else "(settings)" for each in told]
    pairs = [f"# {line}\n{each}\n" for line, each in zip(lines, said, strict=True)]
    assert "\n".join(pairs) == kept(name="refused")
