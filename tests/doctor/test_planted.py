"""Every violation is found where it is planted, and not before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction

from tests.doctor import test_decisions, test_lineage
from tests.doctor.planting import PLANTED, Rows, assert_finds, assert_sound
from tests.doctor.shop import Shop

pytestmark = pytest.mark.django_db

CASES = [*PLANTED, *test_decisions.CASES, *test_lineage.CASES]


@pytest.mark.parametrize("stage", sorted({case.rows for case in CASES}))
def test_the_doctor_finds_what_was_planted(
    stage: str, neighbour: None, shop: Shop, rows_of: Callable[[str], Rows]
) -> None:
    rows = rows_of(stage)
    assert_sound(shop.now)
    for case in CASES:
        if case.rows == stage:
            with transaction.atomic():
                assert_finds(case, rows)
                transaction.set_rollback(True)
