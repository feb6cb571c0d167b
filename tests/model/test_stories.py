"""The search itself: no story may break a promise of the design (P1 to P6)."""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test
from pytest_django import Settings

from tests.model.bank import Bank
from tests.model.machine import Stories
from tests.model.people import hire
from tests.model.profiles import profile
from tests.model.shop import Shop, workflow
from workflows_app.testing import registered


@pytest.mark.django_db
@pytest.mark.timeout(0)
def test_no_story_breaks_a_promise(settings: Settings) -> None:
    # A slow machine's host takes as many steps at once as any other.
    settings.WORKFLOWS = {"slice_seconds": 3600}
    hire()
    with registered(workflow(_any_shop(), "1.0")):
        run_state_machine_as_test(Stories, settings=profile())


def _any_shop() -> Shop:
    """Return a shop for its code alone: each story has its own."""
    nobody = Bank(lambda: pytest.fail("nobody calls"), lambda: 0)
    return Shop(nobody, lambda what, events: None)
