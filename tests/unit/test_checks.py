"""System checks: each id names the problem and the remedy, and is silent when all is well."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.checks import CheckMessage, run_checks
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from tests.unit.declarations import consumer, made, mutator, workflow
from workflows_app import registry
from workflows_app.checks import (
    check_database,
    check_secret_names,
    check_unaskable,
)
from workflows_app.conf import Policy
from workflows_app.sdk import Workflow
from workflows_app.testing import registered

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def only_flow() -> Iterator[None]:
    """The code declares the workflow `flow` and no other."""
    with registry.override():
        registry.declared.clear()
        with registry.override(workflow()):
            yield


def told(messages: list[CheckMessage]) -> list[tuple[str | None, str, str | None]]:
    return [(message.id, message.msg, message.hint) for message in messages]


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.django_db
def test_the_project_s_own_settings_are_right() -> None:
    with registry.override():
        registry.declared.clear()
        own = [m for m in run_checks(databases=["default"]) if "workflows_app" in str(m.id)]
    assert own == []


def test_e001_another_database_than_postgresql_is_refused(tmp_path: Path) -> None:
    # This repository's settings would refuse it by themselves.
    (tmp_path / "on_sqlite.py").write_text(
        "from config.settings import *\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
    )
    done = manage(
        *("check", "--database", "default"),
        DJANGO_SETTINGS_MODULE="on_sqlite",
        PYTHONPATH=str(tmp_path),
        DEBUG="1",
    )

    assert done.returncode == 1
    assert (
        "?: (workflows_app.E001) Database 'default' is sqlite, not PostgreSQL.\n"
        "\tHINT: Let DATABASES name one; in this repository's project DATABASE_URL does.\n"
    ) in done.stderr


def test_a_check_without_databases_asks_none() -> None:
    assert check_database(None, None) == []
    assert check_database(None, databases=[]) == []


@pytest.mark.django_db
def test_w001_a_workflow_that_was_never_synced_does_not_run(only_flow: None) -> None:
    assert told(check_database(None, databases=["default"])) == [
        (
            "workflows_app.W001",
            "Workflow 'flow' is in the code, but was never synced: it does not run.",
            "Run `manage.py sync_workflows`.",
        )
    ]
    assert check_database(None, databases=["other"]) == [], "that is none of its business"

    with registered(workflow()):
        assert check_database(None, databases=["default"]) == []
        with registry.override(workflow(slug="another")):
            (message,) = check_database(None, databases=["default"])
        assert "'another'" in message.msg


@pytest.mark.django_db
def test_w001_keeps_silent_before_the_first_migration(only_flow: None) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE workflows_app_workflow RENAME TO not_there_yet")
        assert check_database(None, databases=["default"]) == []
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_w005_a_group_that_a_setting_names_does_not_exist(settings: Settings) -> None:
    Group.objects.create(name="Clerks")
    settings.WORKFLOWS_DECIDERS = {
        "a-*": ["Clerks", "Clerk"],
        "b-*": ["Clerk", "Workflow operators"],
    }
    company = {"provider_id": "company", "settings": {"groups": {"ops": "Workflow operator"}}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [company, {"settings": 5}]}}

    found = [
        f"{message.id} {message.msg} {message.hint}"
        for message in run_checks(databases=["default"])
        if message.id == "workflows_app.W005"
    ]

    remedy = "Correct the name, or make the group."
    assert sorted(found) == [
        "workflows_app.W005 Single sign-on by 'company' names the group 'Workflow operator', which does not"
        f" exist: nobody is in it. {remedy}",
        "workflows_app.W005 WORKFLOWS_DECIDERS names the group 'Clerk', which does not exist: nobody is in"
        f" it. {remedy}",
    ]
    with CaptureQueriesContext(connection) as asked:
        run_checks(databases=[])
    assert not any("auth_group" in query["sql"] for query in asked)


def test_e002_is_heard_although_workflows_are_registered_at_import() -> None:
    done = manage("check", WORKFLOWS='{"peek_limt": 5}', WORKFLOWS_DEMO="1", DEBUG="1")

    known = ", ".join(Policy.__dataclass_fields__)
    assert done.returncode == 1
    assert (
        f"?: (workflows_app.E002) WORKFLOWS has no key 'peek_limt'. It has: {known}.\n"
        "\tHINT: Correct the WORKFLOWS setting.\n"
    ) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def declared() -> Iterator[Callable[..., None]]:
    with registry.override():
        registry.declared.clear()

        def declare(*workflows: type[Workflow]) -> None:
            registry.declared.update({each.slug: each for each in workflows})

        yield declare


def test_i001_keeps_silent_where_everything_can_be_asked(declared: Callable[..., Any]) -> None:
    base = made(
        "Ask", object, reconcile=lambda *_, **__: None, absence_is_proof_after=timedelta(seconds=5)
    )
    declared(workflow(mutators=[type("Send", (base, mutator()), {})]))

    assert check_unaskable(None) == []


def test_a_name_in_the_code_that_looks_secret_is_told_unless_it_is_declared() -> None:
    def mutate(self: Any, prepared: Any) -> Any:
        """Not a name: our_token"""
        return {"iban": 1, "discarded": 2, "lines": [{"cardNumber": 3}], "declared_token": 4}

    def execute(self: Any, params: Any, *, idempotency_key: str) -> Any:
        if params["kind"] in {"cvc", "cash"} or params["kind"] in ("cards", "cheques"):
            return [params[name] for name in ("cvv", "amount")]
        return {"amount": params["api_key"]}

    def reading(name: str) -> Any:
        return eval(f"lambda self, params, **_: [params[each] for each in ['{name}']]")

    told_by_methods = {
        method: reading(f"{method}_token")
        for method in ("body", "reconcile", "target", "verification_steps", "verification_url")
    }
    flow = workflow(
        consumers=[consumer(mutate=mutate)],
        mutators=[
            mutator(execute=execute, secret_params=["api_key"], url="/{password}/x"),
            mutator(name="other", lookup_url="/{passwd}", result_fields={"secret": "It"}),
            mutator(name="third", **told_by_methods),
        ],
        secret_fields=["bank.declared_token"],
    )
    with registry.override():
        registry.declared.clear()
        with registry.override(flow):
            messages = check_secret_names(None)
    assert told(messages) == [
        (
            "workflows_app.W030",
            f"Workflow 'flow' names '{name}', which looks secret: everybody who may see its runs sees"
            " that value.",
            f"Add '{name}' to secret_params of the mutator, or to secret_fields of the workflow. If it is"
            " no secret, silence this check.",
        )
        for name in sorted(
            [
                *("cardNumber", "cards", "cvc", "cvv", "iban", "passwd", "password", "secret"),
                *(f"{method}_token" for method in told_by_methods),
            ]
        )
    ]
