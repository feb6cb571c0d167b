"""Who gets a place, and who waits for one (P8)."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest.mock import Mock

import pytest

from workflows_app.engine.holding import Hand, Holding
from workflows_app.engine.places import Places, limits_of


class Stage:
    """Two places, and runs of workflows that want them."""

    def __init__(self, number: int = 2) -> None:
        self.told: list[str] = []
        self.places = Places(number, self.told.append)
        self._hands: dict[str, Hand] = {}
        self._holdings: dict[str, Holding] = {}

    def hand(self, name: str) -> Hand:
        """Return a run of the workflow that its first letter names."""
        if name not in self._hands:
            held = self._holdings.setdefault(name[0], Mock(spec=Holding))
            self._hands[name] = Mock(spec=Hand, holding=held)
        return self._hands[name]

    def take(self, *names: str, **how: Any) -> list[str]:
        """Return those that have a place at once."""
        return [name for name in names if self.places.take(self.hand(name), name, **how)]

    def give_back(self, *names: str) -> list[str]:
        """Return those that have a place now, in this order."""
        before = len(self.told)
        for name in names:
            self.places.give_back(self.hand(name))
        return self.told[before:]


def test_the_first_ones_have_places_and_others_wait_in_line() -> None:
    stage = Stage()

    assert stage.take("a1", "a2", "a3", "a4") == ["a1", "a2"]
    assert stage.places.are_full
    assert stage.take("a1") == ["a1"], "whoever has one keeps it"
    assert stage.give_back("a2", "a2", "a3") == ["a3", "a4"]
    assert stage.give_back("a1", "a4") == []
    assert not stage.places.are_full


def test_the_workflow_that_has_fewest_comes_first() -> None:
    stage = Stage()
    stage.take("a1", "a2", "a3", "a4", "b1", "b2")

    assert stage.give_back("a1", "a2", "b1") == ["b1", "a3", "b2"]


def test_what_is_urgent_comes_before_others_of_its_workflow_and_keeps_no_other_from_its_place() -> (
    None
):
    stage = Stage()
    stage.take("a1", "a2", "a3", "b1")
    stage.take("a4", "a5", "a6", is_urgent=True)

    assert stage.give_back("a1", "a2", "b1") == ["b1", "a4", "a5"]
    assert stage.give_back("a4", "a5") == ["a6", "a3"]


def test_what_waits_for_others_of_its_name_holds_up_nobody_else() -> None:
    stage = Stage(3)

    assert stage.take("a1", "a2", name="slow", limit=1) == ["a1"]
    assert stage.take("a3", "b1") == ["a3", "b1"]
    assert stage.places.waiting() == {stage.hand("a2").holding: 1}
    assert stage.give_back("a3") == []
    assert stage.give_back("a1") == ["a2"]


def test_what_has_ended_waits_for_no_place_any_more() -> None:
    stage = Stage(1)
    stage.take("a1", "a2", "a3")

    assert stage.give_back("a2") == []
    assert stage.give_back("a1") == ["a3"]


def test_what_is_withdrawn_gets_no_place() -> None:
    stage = Stage()
    stage.take("a1", "a2", "a3", "b1", "a4")

    assert stage.places.withdraw(stage.hand("a3").holding) == ["a3", "a4"]
    assert stage.give_back("a1", "a2") == ["b1"]


def test_a_workflow_that_is_no_longer_held_keeps_only_the_places_of_what_is_under_way() -> None:
    stage = Stage()
    stage.take("a1", "a2", "a3", "b1", "b2")

    stage.places.drop(stage.hand("a1").holding, busy={stage.hand("a1")})
    assert stage.told == ["b1"]
    assert stage.give_back("a1") == ["b2"]


@pytest.mark.parametrize(
    ("in_hand", "waiting", "in_calls", "in_handlers", "for_one", "for_idle"),
    [
        (0, 0, 0, 0, 4, 4),
        (5, 0, 4, 1, 1, 1),
        (6, 0, 4, 2, 0, 0),
        (6, 5, 4, 0, 0, 0),
        (6, 5, 1, 0, 4, 4),
        (10, 9, 1, 0, 0, 1),
        (18, 17, 1, 0, -8, 1),
        (18, 11, 1, 3, -8, -1),
        (3, 0, 0, 4, 0, 0),
    ],
    ids=[
        "as many as there are places for handlers",
        "half as many as there are places for calls are prepared ahead",
        "and no more",
        "what waits while all calls are under way takes room",
        "what waits for other calls of its mutator takes none",
        "up to as many as there are places: then one of a workflow that has none",
        "however many wait",
        "but none if enough are under way besides",
        "none while all handlers are busy",
    ],
)
def test_a_worker_begins_no_more_than_it_can_soon_send(
    in_hand: int, waiting: int, in_calls: int, in_handlers: int, for_one: int, for_idle: int
) -> None:
    """Of four places: what there is room for in a workflow that has runs in hand, and in one that has none."""
    calls, handlers = Mock(spec=Places), Mock(spec=Places, free=4 - in_handlers)
    calls.are_full, calls.waiting.return_value = in_calls == 4, Counter({Mock(): waiting})
    limits = limits_of(in_hand, calls, handlers, 4, may_begin=True)

    assert limits.room_for(Mock(spec=Holding, hands={1: Mock()})) == for_one
    assert limits.room_for(Mock(spec=Holding, hands={})) == for_idle
