"""The outside system of the soak: it takes its time, and is away for a while. Its records stay true."""

from __future__ import annotations

import random
import time
from typing import Any

from tests.crash.outside import RESET, Outside

#: How long it takes for an answer, at most.
SLOWEST_SECONDS = 0.5


class Bank(Outside):
    """While it `is_away`, calls are accepted, some are carried out, and none is answered in time.

    `patience_seconds`: how long those who call wait for an answer.
    """

    def __init__(self, patience_seconds: float, chance: random.Random) -> None:
        super().__init__()
        self.is_away = False
        self._patience_seconds = patience_seconds
        self._chance = chance

    def number_of(self, account: str, key: str) -> int | None:
        """Return the number of the payment made with `key`, or None if there is none."""
        keys = [effect.key for effect in self.paid(account)]
        return keys.index(key) + 1 if key in keys else None

    def _pay(self, account: str, invoice: str, key: str) -> tuple[int, Any] | None:
        # Carried out when it arrives or never: who looks after the time limit sees what is final.
        if self.is_away and self._chance.random() < 0.5:
            return self._delivered(None)
        return self._delivered(super()._pay(account, invoice, key))

    def _look_up(self, account: str, key: str) -> tuple[int, Any] | None:
        return self._delivered(super()._look_up(account, key))

    def _delivered(self, answer: tuple[int, Any] | None) -> tuple[int, Any] | None:
        """Return `answer` after a while; during the outage, too late, or a lost connection."""
        time.sleep(self._chance.uniform(0, SLOWEST_SECONDS))
        if not self.is_away:
            return answer
        if self._chance.random() < 0.5:
            return RESET
        time.sleep(self._patience_seconds * self._chance.uniform(1.2, 2))
        return answer
