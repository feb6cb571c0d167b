"""What may happen in a story, and in what order: anything, in any.

Each rule is a thing that happens; after each the promises are checked, and at the end of a story
that broke none it is brought to a good end. What a rule draws is plain text and small numbers, with
the harmless first, so that a story which fails shrinks to one that reads like a report.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.model.bank import ASKS, CALLS
from tests.model.database import GOES_AWAY, KILLS, REFUSES, Fault
from tests.model.ending import come_to_a_good_end, see_to_what_waits
from tests.model.people import ON_RUNS, ON_WORKFLOW, Press
from tests.model.releases import EDITIONS, STEPS
from tests.model.shop import FAULTS, SURPRISES
from tests.model.world import World

#: Which of the rows, the newest being 0.
newest = st.sampled_from([0, 0, 0, 1, 2])
somebody = st.sampled_from(["olga", "otto", "olga", "otto", "viktor"])
#: What is pressed before the host works: on a blocked run, while what else waits is resumed or
#: retried; on an event; or Pause.
SEEN_TO = [
    *("", "try_again", "it_didnt_happen", "skip_run", "it_happened", "decide_now"),
    *("skip_event", "pause_workflow"),
]
#: What is no run is pressed on a row of this table, or on the workflow.
TABLES = {"skip_event": "Event", "close_breaker": "Breaker"}
presses = st.sampled_from(
    [*ON_RUNS, *ON_RUNS, "skip_event", "skip_event", *ON_WORKFLOW, "close_breaker"]
)
numbers = st.sampled_from("abcdefgh")
amounts = st.sampled_from([1, 0, 2, 0])
questions = st.just([]) | st.lists(st.sampled_from(ASKS), max_size=2) | st.just(["is away"] * 2)
a_day: dict[str, st.SearchStrategy[Any]] = {
    "ordered": st.dictionaries(numbers, amounts, max_size=2),
    #: Seconds: none, the bank's lag, a backoff, more than a day.
    "after": st.sampled_from([0, 31, 700, 90_000, 700]),
    "seen_to": st.sampled_from(SEEN_TO),
}


def some_of(*words: str, least: int = 0, most: int = 2) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=least, max_size=most)


def happens(**drawn: Any) -> Callable[..., Any]:
    """Declare a rule, after which all promises are checked. (An invariant would be in every line.)"""

    def declare(happening: Callable[..., None]) -> Any:
        @wraps(happening)
        def and_promises_hold(self: Stories, **values: Any) -> None:
            happening(self, **values)
            self.world.check()

        return rule(**drawn)(and_promises_hold)

    return declare


class Stories(RuleBasedStateMachine):
    """Stories of one shop."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    def teardown(self) -> None:
        try:
            if sys.exception() is None:
                come_to_a_good_end(self.world)
        finally:
            self.world.end()

    @initialize(
        honours_keys=st.sampled_from([True, False]),
        mail=st.lists(st.sampled_from(["m", "n"]), max_size=1),
    )
    def the_shop_opens(self, honours_keys: bool, mail: list[str]) -> None:
        self.world.bank.honours_keys = honours_keys
        self.world.shop.mail = [(number, 1) for number in mail]

    # The outside

    @happens(number=numbers, amount=amounts, letter=st.sampled_from([None, "x", "m"]))
    def an_order_is_published(self, number: str, amount: int, letter: str | None) -> None:
        self.world.publish(number, amount, letter)

    @precondition(lambda self: self.world.lost_answers())
    @happens(which=newest)
    def a_lost_answer_arrives(self, which: int) -> None:
        lost = self.world.lost_answers()
        self.world.answer_arrives(lost[which % len(lost)])

    # The host: orders come, time goes by, somebody sees to what waits, and it works until it rests

    @happens(
        **a_day,
        calls=some_of(*CALLS, least=1, most=4),
        asks=questions,
    )
    def the_host_works_with_the_bank(self, calls: list[str], asks: list[str], **day: Any) -> None:
        self.world.bank.asks = list(asks)
        self._host_works(**day, calls=calls)

    @happens(**a_day, calls=some_of(*CALLS), handlers=some_of(*FAULTS, least=1))
    def the_host_works_with_faulty_code(
        self, calls: list[str], handlers: list[str], **day: Any
    ) -> None:
        self._host_works(**day, calls=calls, handlers=handlers)

    @happens(**a_day, handlers=some_of(*SURPRISES, least=1))
    def the_host_is_surprised(self, handlers: list[str], **day: Any) -> None:
        self._host_works(**day, handlers=handlers)

    @happens(
        **a_day,
        calls=some_of(*CALLS),
        what=st.sampled_from([GOES_AWAY, REFUSES, KILLS]),
        commit=st.integers(0, 14),
    )
    def the_host_works_until(self, calls: list[str], what: str, commit: int, **day: Any) -> None:
        self._host_works(**day, calls=calls, fault=(what, commit))

    @happens(**a_day)
    def the_host_works_well(self, **day: Any) -> None:
        self._host_works(**day)

    def _host_works(
        self,
        ordered: dict[str, int],
        after: int,
        seen_to: str,
        calls: Sequence[str] = (),
        handlers: Sequence[str] = (),
        fault: Fault | None = None,
    ) -> None:
        world = self.world
        for number, amount in ordered.items():
            world.publish(number, amount, None)
        world.pass_time(after)
        if seen_to in ("pause_workflow", "skip_event"):
            self._press("olga", seen_to)
        elif seen_to:
            see_to_what_waits(world, seen_to)
        world.bank.calls, world.shop.troubles = list(calls), list(handlers)
        world.host_works(fault)
        # What a question meets with stays: the host asks again on another day.
        world.bank.calls, world.shop.troubles = [], []

    # People

    @happens(
        who=somebody,
        what=presses,
        which=newest,
        reason=st.sampled_from(["I looked", "I looked", "I looked", ""]),
        in_vain=st.sampled_from([False, False, False, True]),
    )
    def somebody_presses(self, who: str, what: str, which: int, reason: str, in_vain: bool) -> None:
        self._press(who, what, which, reason, in_vain)

    def _press(
        self, who: str, what: str, which: int = 0, reason: str = "I looked", in_vain: bool = False
    ) -> None:
        table = "Run" if what in ON_RUNS else TABLES.get(what, "Workflow")
        # Events that a run holds count as the newest.
        rows = sorted(self.world.rows[table].values(), key=lambda r: r["status"] == "reserved")
        if rows:
            press = Press(who, what, rows[-1 - which % len(rows)], reason)
            (self.world.press_in_vain if in_vain else self.world.press)(press)

    @happens(
        step=st.sampled_from(STEPS),
        edition=st.sampled_from(EDITIONS),
        rollback=st.booleans(),
        accept_orphans=st.booleans(),
    )
    def a_version_is_released(
        self, step: str, edition: str, rollback: bool, accept_orphans: bool
    ) -> None:
        pair = self.world.releases.after(step)
        self.world.release(pair, edition, rollback=rollback, accept_orphans=accept_orphans)
