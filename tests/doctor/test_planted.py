"""Every violation is found where it is planted, and not before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from tests.doctor import (
    evidence,
    ledger,
    retries,
    runs,
    test_decisions,
    test_events,
    test_history,
    test_lanes,
    test_lineage,
    test_schema,
    test_versions,
)
from tests.doctor.planting import Rows, assert_finds

pytestmark = pytest.mark.django_db

CASES = [
    *test_schema.CONDITIONS,
    *test_schema.TWICE,
    *test_events.CASES,
    *runs.CASES,
    *test_lanes.CASES,
    *ledger.CASES,
    *evidence.CASES,
    *test_history.CASES,
    *retries.CASES,
    *test_decisions.CASES,
    *test_lineage.CASES,
    *test_versions.CASES,
]


@pytest.mark.parametrize("stage", sorted({case.rows for case in CASES}))
def test_the_doctor_finds_what_was_planted(stage: str, rows_of: Callable[[str], Rows]) -> None:
    rows = rows_of(stage)
    for case in CASES:
        if case.rows == stage:
            with transaction.atomic():
                assert_finds(case, rows)
                transaction.set_rollback(True)
