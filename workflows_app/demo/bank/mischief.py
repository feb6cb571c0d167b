"""Which request fails how: decided by the seed, so that a run can be repeated."""

from __future__ import annotations

import hashlib
from collections import Counter
from threading import Lock
from typing import Any

#: How a payment goes wrong, and in how many of 1,000 cases. The rest goes right.
PAYMENT_FAILURES = {
    "answer_lost": 40,  # paid, but the connection is closed without an answer
    "silent_before": 15,  # not paid, and no answer comes in time
    "silent_after": 15,  # paid, and no answer comes in time
    "unavailable_before": 25,  # 503, not paid
    "unavailable_after": 25,  # 503, but paid
    "rejected": 10,  # 422, now and ever
    "search_down": 10,  # paid, the answer is lost, and the search fails for a while
}
WEBHOOK_FAILURES = {
    "answer_lost": 15,
    "silent_before": 10,
    "unavailable_before": 10,
    "rejected": 10,  # 410, now and ever
}
#: How often the search answers 503 for a payment whose search is down.
SEARCH_FAILURES = 4


class Mischief:
    """The failures of one seed. Each thing fails once, on the first try; rejections stay."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        #: Suppliers write nothing here.
        self.notices: list[dict[str, Any]] = []
        self._tries: Counter[str] = Counter()
        self._lock = Lock()

    def of_payment(self, invoice: str) -> str:
        """Return how this try to pay `invoice` goes wrong, or "" if it does not."""
        return self._of("payment", invoice, PAYMENT_FAILURES, lasting="rejected")

    def of_webhook(self, invoice: str) -> str:
        """Return how this try to deliver the news of `invoice` goes wrong, or ""."""
        return self._of("webhook", invoice, WEBHOOK_FAILURES, lasting="rejected")

    def search_is_down(self, invoice: str) -> bool:
        """Tell whether this search for the payment of `invoice` fails."""
        if self._choice("payment", invoice, PAYMENT_FAILURES) != "search_down":
            return False
        with self._lock:
            self._tries[f"search {invoice}"] += 1
            return self._tries[f"search {invoice}"] <= SEARCH_FAILURES

    def _of(self, kind: str, invoice: str, failures: dict[str, int], *, lasting: str) -> str:
        choice = self._choice(kind, invoice, failures)
        with self._lock:
            self._tries[f"{kind} {invoice}"] += 1
            is_first = self._tries[f"{kind} {invoice}"] == 1
        return choice if is_first or choice == lasting else ""

    def _choice(self, kind: str, invoice: str, failures: dict[str, int]) -> str:
        digest = hashlib.sha256(f"{self._seed} {kind} {invoice}".encode()).digest()
        dice = int.from_bytes(digest[:4], "big") % 1000
        for name, share in failures.items():
            dice -= share
            if dice < 0:
                return name
        return ""
