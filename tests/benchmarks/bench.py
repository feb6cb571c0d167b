"""What all parts of a run share: the server, what was chosen, and telling how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.benchmarks.contenders import BEST, FLOOR, NAIVE, OURS, Contender
from tests.benchmarks.database import Server


@dataclass
class Bench:
    """One run of the benchmark."""

    server: Server
    #: Words of which one must be in a contender's key; none: all contenders.
    only: Sequence[str] = ()
    #: How many rounds, if not as many as each part wants.
    rounds: int | None = None
    #: By how much all numbers of events are divided, for a try.
    divide: int = 1
    #: The peers at their best settings.
    peers: list[Contender] = field(default_factory=lambda: list(BEST))
    #: Who could not be measured, and why.
    left_out: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def contenders(self) -> list[Contender]:
        """Return whoever takes part: chosen, installed and answered."""
        return self.able([OURS, FLOOR, NAIVE, *self.peers])

    def able(self, contenders: Sequence[Contender]) -> list[Contender]:
        """Return those that are chosen and lack nothing; tell once what the others lack."""
        found = []
        for contender in contenders:
            if self.only and contender.key not in self.only:
                continue
            lack = contender.why_not()
            if lack and contender.key not in self.left_out:
                self.left_out[contender.key] = lack
                self.tell(f"left out: {contender.name}: {lack}")
            if not lack:
                found.append(contender)
        return found

    def events(self, wanted: int, workflows: int = 1) -> int:
        """Return a number of events that is the same for each workflow."""
        each = max(1, -(-wanted // self.divide // workflows))
        return each * workflows

    def tell(self, line: str) -> None:
        """Say how far it is."""
        seconds = int(time.monotonic() - self._began)
        sys.stderr.write(f"{seconds // 60:3}:{seconds % 60:02} {line}\n")

    def failed(self, what: str) -> None:
        self.failures.append(what)
        self.tell(f"FAILED {what}")
