"""The tables of the matrix: who meets whom and what comes of it, and who can't meet, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tests.concurrency.cast import CAST, DECISIONS, DEPLOYS, PUBLISHERS, STEPS
from tests.concurrency.meeting import Way

_TABLES = Path(__file__).parent / "matrix"
_CANNOT_MEET = "cannot_meet.txt"
_GROUPS = {
    "any step": STEPS,
    "any decision": DECISIONS,
    "any publisher": PUBLISHERS,
    "any deploy": DEPLOYS,
    "anybody": list(CAST.values()),
}
Pair = tuple[str, str]


@dataclass(frozen=True)
class Line:
    """Who comes first and second, and what comes of it."""

    first: str
    second: str
    way: Way
    told: str
    ends: str

    @property
    def slug(self) -> str:
        """Return a slug for the workflow at which they meet, and a name for the test."""
        return re.sub("[ _]", "-", f"{self.first}-then-{self.second}")


@dataclass(frozen=True)
class Reason:
    """Why pairs can't meet."""

    sentence: str
    pairs: frozenset[Pair]


def lines() -> Iterator[Line]:
    """Return the lines of all tables, in their order."""
    for path in sorted(_TABLES.glob("*.txt")):
        if path.name == _CANNOT_MEET:
            continue
        first = ""
        for line in _written(path):
            if line.startswith("["):
                first = line.strip("[]")
            else:
                second, way, told, ends = (cell.strip() for cell in line.split(" | "))
                yield Line(first, second, Way(way), told, ends)


def reasons() -> Iterator[Reason]:
    """Return why which pairs can't meet."""
    for line in _written(_TABLES / _CANNOT_MEET):
        who, sentence = line.split(" | ")
        firsts, arrow, seconds = re.split(" (<->|->) ", who)
        pairs = set(product(_named(firsts), _named(seconds)))
        if arrow == "<->":
            pairs |= {(second, first) for first, second in pairs}
        yield Reason(sentence, frozenset(pairs))


def _named(names: str) -> list[str]:
    found = []
    for name in names.split(", "):
        found += [actor.name for actor in _GROUPS.get(name) or [CAST[name]]]
    return found


def _written(path: Path) -> list[str]:
    texts = (line.strip() for line in path.read_text().splitlines())
    return [line for line in texts if line and not line.startswith("#")]
