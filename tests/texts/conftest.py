"""The stage, set up once for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.texts.fixed import go_on_numbering
from tests.texts.stage import Stage, staged


@pytest.fixture(scope="module")
def stage_of_file(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stage]:
    """The stage, in a transaction around those of the tests of a file, each of which is undone."""
    around: Any = transaction.atomic()
    # As Django's own test cases mark theirs: what must be the outermost transaction may be in it.
    around._from_testcase = True
    with django_db_blocker.unblock(), around, staged() as stage:
        with django_db_blocker.block():
            yield stage
        transaction.set_rollback(True)


@pytest.fixture
def stage(stage_of_file: Stage, db: None) -> Stage:
    """The stage as it was set up."""
    go_on_numbering()
    return stage_of_file
