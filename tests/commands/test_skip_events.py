"""skip_events: each event is a decision of its own, tried first, asked for, and reported (P4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.commands.console import run, run_on_terminal
from tests.operations.readiness import everything
from tests.scenes import Scene
from workflows_app.models import Event
from workflows_app.publishing import publish

pytestmark = pytest.mark.django_db

SceneMaker = Callable[..., Scene]
OF = ("skip_events", "pay", "invoice.received")
BY = ("--actor", "olga", "--reason", "sent twice")
SURE = (*BY, "--no-input")


@pytest.fixture
def events(scene: SceneMaker, operator_user: User) -> list[Event]:
    """Three pending events."""
    play = scene()
    return [play.publish(name) for name in ("41", "42", "43")]


def statuses() -> dict[str, str]:
    return dict(Event.objects.order_by("pk").values_list("message_id", "status"))


@pytest.mark.parametrize("typed", ["y\n", "YES\n", " yes \n"])
def test_on_a_terminal_it_asks_and_does_it_after_a_yes(events: list[Event], typed: str) -> None:
    ran = run_on_terminal(*OF, "--all-pending", *BY, typed=typed)

    assert ran.code == 0
    assert ran.err == "Skip 3 events of pay: invoice.received, for good? [y/N] "
    assert set(statuses().values()) == {"skipped"}


@pytest.mark.parametrize("typed", ["\n", "n\n", "yesterday\n", "\x04"])
def test_on_a_terminal_anything_but_yes_changes_nothing(events: list[Event], typed: str) -> None:
    before = everything()

    ran = run_on_terminal(*OF, "42", *BY, typed=typed)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("[y/N] Nothing was changed.\n")
    assert everything() == before


def test_an_event_that_was_published_again_since_it_was_shown_stays(
    events: list[Event], scene: SceneMaker, operator_user: User
) -> None:
    publish(workflow="pay", topic="invoice.received", message_id="42", payload={"amount": "9"})

    ran = run(*OF, "42", *SURE, "--seen", "r1")

    assert (ran.code, statuses()["42"]) == (3, "pending")
    assert ran.err.startswith("stale: Event 42 is not as you saw it")
    assert run(*OF, "42", "42", *SURE, "--seen", "r2").code == 0
    assert run(*OF, "41", "43", *SURE, "--seen", "r2").code == 2
