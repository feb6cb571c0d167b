"""Rows in the states that a reading test starts from."""

from __future__ import annotations

import pytest

from tests.models.rows import Rows


@pytest.fixture
def rows(db: None) -> Rows:
    return Rows()
