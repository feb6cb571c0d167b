"""How much work a contender gets, and of what kind."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass

WORKFLOWS_VARIABLE = "BENCH_WORKFLOWS"
A_RUN_VARIABLE = "BENCH_EVENTS_A_RUN"
LANES_VARIABLE = "BENCH_LANES"


#: How the names of lanes begin that a failed run holds, and the numbers of the events in them.
HELD_LANE, HELD_FROM, HELD_LANES = "held-", 700_000_000, 1000


def name_of(number: int) -> str:
    """Return the name of the event `number`, the same for all contenders."""
    return f"{number:09}"


def lane_of(number: int, *, workflows: int, lanes: int) -> str:
    """Return the lane of the event `number`: the lanes of a workflow take turns."""
    if HELD_FROM <= number < HELD_FROM + 100_000_000:
        return f"{HELD_LANE}{number % HELD_LANES}"
    return str(number // workflows % lanes) if lanes else ""


@dataclass(frozen=True)
class Load:
    """Events over workflows, each with a payload of so many bytes; a run takes so many of them.

    `lanes`: over how many lanes the events of each workflow go in turn; 0: it names none.
    `outside_ms`: how long the outside system takes to answer.
    """

    events: int = 2000
    workflows: int = 16
    events_a_run: int = 1
    payload_bytes: int = 1024
    lanes: int = 0
    outside_ms: int = 0

    @property
    def payload(self) -> dict[str, str]:
        """Return a payload that does not get smaller when it is compressed."""
        chance = random.Random(self.payload_bytes)
        text = chance.choices(string.ascii_letters + string.digits, k=self.payload_bytes)
        return {"text": "".join(text)}

    def names(self, first: int = 0) -> list[str]:
        """Return the names of its events, from the number `first` on."""
        return [name_of(number) for number in range(first, first + self.events)]

    def batches(self, first: int = 0) -> list[list[str]]:
        """Return the names in groups as runs take them, for contenders that know no events."""
        names = self.names(first)
        return [
            names[at : at + self.events_a_run] for at in range(0, len(names), self.events_a_run)
        ]

    def environment(self) -> dict[str, str]:
        """Return what workers and those who fill must know."""
        return {
            WORKFLOWS_VARIABLE: str(self.workflows),
            A_RUN_VARIABLE: str(self.events_a_run),
            LANES_VARIABLE: str(self.lanes),
        }
