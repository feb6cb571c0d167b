"""A workflow is blocked while one of its runs waits for a person or a new version (P3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.rows import NOON, Rows
from workflows_app.models import Workflow

pytestmark = pytest.mark.django_db

NOTHING: dict[str, Any] = {}
BACKS_OFF: dict[str, Any] = {"owes_retry": True, "retry_due_at": NOON}
WITHOUT_DATE: dict[str, Any] = {"owes_retry": True}


@pytest.mark.parametrize(
    ("status", "owed", "is_blocked"),
    [
        ("active", NOTHING, False),
        ("reconciling", NOTHING, False),
        ("blocked", NOTHING, True),
        ("committed", NOTHING, False),
        ("failed", NOTHING, False),
        ("failed", BACKS_OFF, False),
        ("failed", WITHOUT_DATE, True),
        ("crashed", NOTHING, False),
        ("crashed", BACKS_OFF, False),
        ("crashed", WITHOUT_DATE, False),
    ],
)
def test_blocked_means_a_blocked_run_or_a_failed_one_that_no_date_brings_back(
    rows: Rows, status: str, owed: dict[str, Any], is_blocked: bool
) -> None:
    Rows("other").run("blocked")
    rows.run("committed")
    run = rows.run(status, **owed)

    assert rows.workflow.is_blocked is run.needs_person is is_blocked
    listed = Workflow.objects.with_blocked().get(slug="pay")
    assert listed.blocked is is_blocked  # type: ignore[attr-defined]  # annotated


def test_a_workflow_without_runs_is_not_blocked(rows: Rows) -> None:
    assert rows.workflow.is_blocked is False


def test_a_run_s_outcome_is_its_own_mutation_s_or_the_one_it_carries(rows: Rows) -> None:
    first = rows.run("failed")
    mutation = rows.mutation(first, "applied")
    second = rows.run("failed", carried_mutation=mutation)

    assert first.settled_mutation == second.settled_mutation == mutation
    assert rows.run().settled_mutation is None
