"""A workflow is blocked while one of its runs waits for somebody or for a new try (P3)."""

from __future__ import annotations

import pytest

from tests.models.rows import Rows
from workflows_app.models import Workflow

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("status", "owes_retry", "is_blocked"),
    [
        ("active", False, False),
        ("reconciling", False, False),
        ("blocked", False, True),
        ("committed", False, False),
        ("failed", False, False),
        ("failed", True, True),
        ("crashed", False, False),
        ("crashed", True, False),
    ],
)
def test_blocked_means_a_blocked_run_or_a_failed_one_that_owes_a_retry(
    rows: Rows, status: str, owes_retry: bool, is_blocked: bool
) -> None:
    Rows("other").run("blocked")
    rows.run("committed")
    rows.run(status, owes_retry=owes_retry)

    assert rows.workflow.is_blocked is is_blocked
    listed = Workflow.objects.with_blocked().get(slug="pay")
    assert listed.blocked is is_blocked  # type: ignore[attr-defined]  # annotated


def test_a_workflow_without_runs_is_not_blocked(rows: Rows) -> None:
    assert rows.workflow.is_blocked is False


def test_versions_are_compared_as_numbers(rows: Rows) -> None:
    assert rows.version.pair == (1, 0)


def test_a_run_s_outcome_is_its_own_mutation_s_or_the_one_it_carries(rows: Rows) -> None:
    first = rows.run("failed")
    mutation = rows.mutation(first, "applied")
    second = rows.run("failed", carried_mutation=mutation)

    assert first.settled_mutation == second.settled_mutation == mutation
    assert rows.run().settled_mutation is None
