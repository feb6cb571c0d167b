"""`/healthz` and `/readyz`: how it is, to whoever asks, by whatever name."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings

from workflows_app.health import Migrations


@pytest.mark.django_db
@pytest.mark.parametrize(
    "host", ["ops.example.com", "10.1.2.3:8000", "[fd00::7]:8000", "probe", "a b", "\x00", ""]
)
@pytest.mark.parametrize("page", ["/healthz", "/readyz"])
def test_health_is_told_whatever_name_the_probe_uses(
    client: Client, settings: Settings, page: str, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["ops.example.com"]
    answer = client.get(page, headers={"host": host})

    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_no_other_page_is_shown_under_a_name_that_is_not_ours(
    client: Client, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["ops.example.com"]

    for page in ("/", "/admin/login/", "/healthz/", "/healthz/more", "/readyz/"):
        assert client.get(page, headers={"host": "evil.example.net"}).status_code == 400


@pytest.mark.django_db
def test_a_process_of_newer_code_is_not_ready_before_the_migrations() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    seen = Migrations()
    assert seen.are_applied() is False
    call_command("migrate", "sessions", fake=True, verbosity=0)
    assert seen.are_applied() is True
