"""The stage, made once for all tests of a directory and undone after them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import TestCase, override_settings

from tests.clocks import standing_still
from tests.conftest import logged_in
from tests.pages.fixed import BEGIN, begin_numbers, spread_times
from tests.pages.stage import Stage, play_all
from workflows_app.admin import charts

ALERTS = {"base_url": "https://ops.example", "channels": {"team": "json://localhost/a"}}
SETTINGS: dict[str, Any] = {
    "WORKFLOWS": {
        "alerts": ALERTS,
        "backoff_initial_seconds": 5_400,
        "backoff_max_seconds": 21_600,
    },
    "WORKFLOWS_DECIDERS": {"parcels": ["Parcel clerks"]},
    # Not what the database says, by more than whole hours.
    "TIME_ZONE": "Asia/Kathmandu",
}


@pytest.fixture(scope="package")
def stage(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stage]:
    """Everything that the console can show, the same each time."""
    with (
        django_db_blocker.unblock(),
        override_settings(**SETTINGS),
        ExitStack() as stack,
    ):
        # The hours of the charts are kept by the process.
        charts._over.clear()
        stack.callback(charts._over.clear)
        stack.callback(TestCase._rollback_atomics, TestCase._enter_atomics())
        clock = stack.enter_context(standing_still(BEGIN))
        begin_numbers()
        made = Stage(clock, stack)
        play_all(made)
        spread_times()
        made.cookies = {name: logged_in(person).cookies for name, person in made.people.items()}
        yield made
