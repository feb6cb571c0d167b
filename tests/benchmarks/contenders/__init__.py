"""Who is measured. Each peer at the setting that was the best of those in `SETTINGS`."""

from __future__ import annotations

from tests.benchmarks.contenders.base import Contender
from tests.benchmarks.contenders.celery import Celery
from tests.benchmarks.contenders.dbos import Dbos
from tests.benchmarks.contenders.floor import Floor
from tests.benchmarks.contenders.naive import Naive
from tests.benchmarks.contenders.ours import Ours
from tests.benchmarks.contenders.procrastinate import Procrastinate

OURS, FLOOR, NAIVE = Ours(64), Floor(), Naive()
BEST = (
    Procrastinate(16),
    Dbos(32, 0.02),
    Celery(16),
)
CONTENDERS: tuple[Contender, ...] = (OURS, FLOOR, NAIVE, *BEST)


def with_calls(number: int) -> tuple[Contender, ...]:
    """Return us and the peers with so many calls under way at once in each worker process."""
    return (Ours(number), Procrastinate(number), Dbos(number, 0.02), Celery(number))


#: All that are tried.
SETTINGS: tuple[Contender, ...] = (
    *(Ours(number) for number in (16, 64, 256)),
    *(Procrastinate(number) for number in (4, 16, 64)),
    *(Dbos(number, seconds) for number, seconds in ((8, 0.01), (32, 0.02), (128, 0.1))),
    Dbos(32, 0.02, "coroutines"),
    *(Celery(number) for number in (4, 16)),
    Celery(1, "solo"),
    Celery(4, "prefork"),
)

__all__ = ["BEST", "CONTENDERS", "FLOOR", "NAIVE", "OURS", "SETTINGS", "Contender", "with_calls"]
