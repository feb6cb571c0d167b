"""`manage.py doctor` says what it found and what to do, to people and to programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from tests.clocks import database_ahead
from tests.doctor.planting import Rows, plant
from tests.doctor.shop import Shop
from tests.owner import as_owner, as_role
from workflows_app.doctor import CHECKS, Finding, examine
from workflows_app.models import Lease
from workflows_app.models.clocks import database_now

pytestmark = pytest.mark.django_db

BROKEN = "UPDATE workflows_app_run SET ended_at = NULL"
ENDS = [check for check in CHECKS if check.id == "D305"]


@pytest.fixture(autouse=True)
def runs(db: None) -> Iterator[None]:
    """The doctor is asked by the role that runs."""
    with as_owner():
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE clerk")
        call_command("grant_role", "clerk", stdout=StringIO())
        with as_role("clerk"):
            yield


def doctor(*arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it wrote."""
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_a_sound_database_exits_with_0(paid: Rows) -> None:
    assert doctor() == (0, f"Checks: {len(CHECKS)}, violations: 0, warnings: 0, fixed: 0\n")


def test_violations_are_told_with_their_meaning_and_the_remedy(paid: Rows) -> None:
    plant(f"{BROKEN} WHERE id IN (%(run)s, %(run2)s)", paid)
    assert doctor("--only", "D305") == (
        1,
        f"""\
D305 violation: A run has ended without a date, or has a date without having ended
  What it means: Lists and charts show it wrongly.
  What to do: {ENDS[0].remedy}
  - shop: run {paid["run"]} is committed, and its end is not recorded
  - shop: run {paid["run2"]} is committed, and its end is not recorded
Checks: 1, violations: 2, warnings: 0, fixed: 0
""",
    )


def test_warnings_alone_exit_with_0(blocked: Rows, shop: Shop) -> None:
    Lease.objects.update(holder="worker", expires_at="2026-01-02 03:04:05Z")
    code, told = doctor()
    assert code == 0
    assert told.startswith("D811 warning: A worker vanished, and no other one has taken its")
    assert told.endswith(f"Checks: {len(CHECKS)}, violations: 0, warnings: 1, fixed: 0\n")


def test_json_is_one_object_with_checks_findings_and_numbers(paid: Rows) -> None:
    plant(f"{BROKEN} WHERE id = %(run)s", paid)

    code, told = doctor("--format", "json", "--only", "D305", "--only", "D301")

    assert code == 1
    report = json.loads(told)
    assert [check["id"] for check in report["checks"]] == ["D301", "D305"]
    assert report["checks"][1] == {
        "id": "D305",
        "severity": "violation",
        "title": ENDS[0].title,
        "meaning": ENDS[0].meaning,
        "remedy": ENDS[0].remedy,
    }
    assert report["findings"] == [
        {
            "check": "D305",
            "severity": "violation",
            "workflow": "shop",
            "subject": "run",
            "id": paid["run"],
            "detail": "is committed, and its end is not recorded",
            "fixed": False,
        }
    ]
    assert (report["violations"], report["warnings"], report["fixed"]) == (1, 0, 0)


def test_json_of_several_findings_and_of_none_is_valid(paid: Rows) -> None:
    assert json.loads(doctor("--format", "json")[1])["findings"] == []
    plant(f"{BROKEN} WHERE id IN (%(run)s, %(run2)s)", paid)
    found = json.loads(doctor("--format", "json", "--only", "D305")[1])["findings"]
    assert [finding["id"] for finding in found] == [paid["run"], paid["run2"]]


def test_one_workflow_alone_can_be_looked_at(paid: Rows) -> None:
    plant(
        "INSERT INTO workflows_app_workflow (id, slug, title, status, secret_names, created_at)"
        " VALUES (999999999, 'other', 'Another one', 'active', '[]', now())"
    )
    plant(
        f"{BROKEN}, phase = 'lost' WHERE id = %(run)s;"
        "UPDATE workflows_app_event SET message_id = '1' WHERE id = %(event2)s;"
        "UPDATE workflows_app_mutation SET params = '{\"iban\": 1}' WHERE id = %(mutation)s;"
        "INSERT INTO workflows_app_handler (id, workflow_id, name, kind, is_current)"
        " VALUES (999999999, 999999999, 'Other', 'consumer', true);"
        "UPDATE workflows_app_topic SET consumer_id = 999999999 WHERE id = %(topic)s;"
        "UPDATE workflows_app_workflowversion SET source_digest = 'x' WHERE id = %(version)s",
        paid,
        without=["run_phase_known", "run_committed_in_both", "one_event_per_message_id"],
    )

    told = doctor("--workflow", "shop")[1]
    assert "other:" not in told
    assert {"D103", "D104", "D305", "D431", "D703", "D905"} <= set(
        re.findall(r"^D\d+", told, re.MULTILINE)
    )
    code, told = doctor("--workflow", "other")
    assert code == 1
    assert "shop:" not in told
    of_one = [line for line in told.splitlines() if line.startswith("  - ") and "table" not in line]
    assert of_one == [
        "  - other: workflow 999999999 has no history",
        "  - other: workflow 999999999 has no lease",
        "  - other: workflow 999999999 has no active version",
    ]


def test_a_lost_wake_up_is_fixed_and_the_rest_is_not(paid: Rows, shop: Shop) -> None:
    shop.run_host(hours=1)
    Lease.objects.update(next_due_at=None)
    plant(f"{BROKEN} WHERE id = %(run)s", paid)
    key = shop.workflow.pk

    code, told = doctor("--fix", "--only", "D801")
    assert code == 0
    assert f"  - shop: workflow {key} is due at " in told
    assert told.endswith(
        "but nothing wakes it then (fixed)\nChecks: 1, violations: 0, warnings: 0, fixed: 1\n"
    )
    assert doctor("--only", "D801")[0] == 0

    code, told = doctor("--fix", "--only", "D305")
    assert code == 1
    assert told.endswith("Checks: 1, violations: 1, warnings: 0, fixed: 0\n")


def test_what_is_overdue_is_told_by_the_database_s_clock_and_not_by_this_machine_s(
    shop: Shop,
) -> None:
    with database_ahead(-300):
        Lease.objects.update(next_due_at=database_now() + timedelta(minutes=2))
        assert doctor("--only", "D812")[1].startswith("Checks: 1, violations: 0, warnings: 0")
    with database_ahead(300):
        Lease.objects.update(next_due_at=database_now() - timedelta(minutes=2))
        assert doctor("--only", "D812")[1].startswith("D812 warning: ")


def test_findings_come_from_a_cursor_on_the_server_as_they_are_read(paid: Rows) -> None:
    """So that memory does not grow with what is found."""
    plant(BROKEN)
    findings: Iterator[Finding] = examine(ENDS)
    first = next(findings)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors")
        open_while_reading: tuple[Any, ...] = cursor.fetchone()
        assert len([first, *findings]) > 2
        cursor.execute("SELECT count(*) FROM pg_cursors")
        assert (open_while_reading, cursor.fetchone()) == ((1,), (0,))


def test_foreign_words_can_do_nothing_to_the_terminal(shop: Shop) -> None:
    Lease.objects.update(holder="\x1b[2J", expires_at="2026-01-02 03:04:05Z")
    assert "\x1b" not in doctor("--only", "D811")[1]
