"""Which request fails how, as a file says: for drills, where each case is laid out beforehand."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from threading import Lock
from typing import Any

#: `search_fails` of a search that never answers again.
FOR_GOOD = -1


class Script:
    """What a script file says of each invoice, in place of `Mischief`.

    The file: {"invoices": {NUMBER: {"payment": failure, "webhook": failure, "search_fails": times}}, "notices":
    [{"at": seconds, "supplier": ..., "text": ...}]}. Failures are those of `mischief`; each comes on the first
    try, and "rejected" on every one. What is left out goes right. Tries are noted in the file `tries`, so that a
    bank that is started again knows them.
    """

    def __init__(self, told: dict[str, Any], tries: Path) -> None:
        self._invoices: dict[str, dict[str, Any]] = told["invoices"]
        #: What suppliers wrote to their customers.
        self.notices: list[dict[str, Any]] = told["notices"]
        self._tries: Counter[str] = Counter(
            tries.read_text(encoding="utf-8").splitlines() if tries.exists() else ()
        )
        self._noted = tries
        self._lock = Lock()

    @classmethod
    def read(cls, path: Path) -> Script:
        """Return the script in the file at `path`. Raises OSError, ValueError and KeyError."""
        return cls(json.loads(path.read_text(encoding="utf-8")), path.with_suffix(".tries"))

    def of_payment(self, invoice: str) -> str:
        """Return how this try to pay `invoice` goes wrong, or "" if it does not."""
        return self._of("payment", invoice)

    def of_webhook(self, invoice: str) -> str:
        """Return how this try to deliver the news of `invoice` goes wrong, or ""."""
        return self._of("webhook", invoice)

    def search_is_down(self, invoice: str) -> bool:
        """Tell whether this search for the payment of `invoice` fails."""
        fails: int = self._invoices.get(invoice, {}).get("search_fails", 0)
        return fails == FOR_GOOD or self._try(f"search {invoice}") <= fails

    def _of(self, kind: str, invoice: str) -> str:
        failure: str = self._invoices.get(invoice, {}).get(kind, "")
        is_first = self._try(f"{kind} {invoice}") == 1
        return failure if is_first or failure == "rejected" else ""

    def _try(self, what: str) -> int:
        with self._lock:
            with self._noted.open("a", encoding="utf-8") as file:
                file.write(f"{what}\n")
            self._tries[what] += 1
            return self._tries[what]
