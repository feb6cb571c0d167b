"""What the probes say, and what it comes of."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings
from syrupy.assertion import SnapshotAssertion

from workflows_app import health
from workflows_app.health import Migrations

pytestmark = pytest.mark.django_db


def asked(name: str) -> str:
    lines = [f"# {name}"]
    for page in ("/healthz", "/readyz"):
        answer = Client().get(page, headers={"host": "10.0.0.7"})
        kept = ("Content-Type", "Cache-Control")
        headers = ", ".join(f"{each}: {answer.headers[each]}" for each in kept)
        lines.append(f"{page} {answer.status_code} {answer.content.decode()!r} {headers}")
    return "\n".join(lines) + "\n"


def test_what_the_probes_say(
    kept: SnapshotAssertion, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [asked("all is well")]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        lines.append(asked("the database takes no changes"))
        transaction.set_rollback(True)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
        monkeypatch.setattr(health, "migrations", Migrations())
        lines.append(asked("a migration is missing"))
        transaction.set_rollback(True)
    lines.append(asked("it was applied"))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE NONE; CREATE ROLE clerk; SET LOCAL ROLE clerk")
        monkeypatch.setattr(health, "migrations", Migrations())
        lines.append(asked("the role was granted nothing"))
        transaction.set_rollback(True)
    assert "\n".join(lines) == kept(name="probes")
