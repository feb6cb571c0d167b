"""Publishing at an even rate, and telling when each event was committed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator

#: What comes before the first events: workers and connections warm up.
WARM_UP = 20


def name_of(number: int) -> str:
    return f"{number:09}"


class _Stamps:
    def __init__(self) -> None:
        self.by_name: dict[str, float] = {}

    def stamp(self, name: str) -> Callable[[], None]:
        def committed() -> None:
            self.by_name[name] = time.time()

        return committed

    def tell(self) -> None:
        sys.stdout.write(json.dumps(self.by_name))


def evenly(rate: float, events: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give the name of each event when it is due, and what to call once it is committed."""
    stamps, began = _Stamps(), time.monotonic()
    for number in range(events):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        name = name_of(number)
        yield name, stamps.stamp(name)
    stamps.tell()


async def at_an_even_rate(
    rate: float, events: int
) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """As `evenly`, for a loop."""
    stamps, began = _Stamps(), time.monotonic()
    for number in range(events):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        name = name_of(number)
        yield name, stamps.stamp(name)
    stamps.tell()
