"""Reading what runs will probably peek at, in the same round trip in which they begin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from workflows_app.engine import pending
from workflows_app.engine.contexts import Peek, PrefetchedPeek, habit_of
from workflows_app.engine.items import Step
from workflows_app.models import Event
from workflows_app.models.collecting import ask


def read_ahead(steps: Iterable[Step]) -> Callable[[], None]:
    """Have read what `steps`, whose `prepare` comes next, will probably peek at; return what gives it to them.

    It is read after all that is written. Needs `collected`, and is given when that has ended.
    """
    expected: list[tuple[Step, Peek]] = []
    wanted: list[tuple[int, str, int]] = []
    for step in steps:
        holding = step.hand.holding
        consumer = holding.codes.get(step.run.handler_id)
        peek = habit_of(consumer) if consumer is not None else None
        if peek is not None and peek.topic in holding.topics:
            expected.append((step, peek))
            wanted.append((holding.topics[peek.topic].pk, step.run.lane, peek.limit))
    if not wanted:
        return lambda: None
    reading = ask(pending.oldest(wanted))

    def give() -> None:
        found: defaultdict[int, list[Event]] = defaultdict(list)
        for event in reading.rows():
            found[event.place].append(event)  # type: ignore[attr-defined]  # it comes along
        for place, (step, peek) in enumerate(expected, start=1):
            step.ahead = PrefetchedPeek(peek, found[place])

    return give
