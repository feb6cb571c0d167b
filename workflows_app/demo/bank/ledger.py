"""The bank's own records: JSON lines on disk, written through before it answers."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any


class Ledger:
    """Payments and webhook deliveries. What is in the file survives a kill of the bank."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: list[dict[str, Any]] = read_entries(path)
        self._by_key = {
            entry["key"]: entry for entry in self._entries if entry["kind"] == "payment"
        }
        self._cut_off_a_torn_line()
        self._file = path.open("ab")

    def _cut_off_a_torn_line(self) -> None:
        """A kill in the middle of a write leaves half a line: it was never answered for."""
        if not self._path.exists():
            return
        whole = self._path.read_bytes()
        end = whole.rfind(b"\n") + 1
        if end != len(whole):
            os.truncate(self._path, end)

    def pay(self, key: str, details: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Record a payment, once for each key. Return it, and whether it is new."""
        with self._lock:
            known = self._by_key.get(key)
            if known is not None:
                return known, False
            payment = {"kind": "payment", "number": len(self._by_key) + 1, "key": key, **details}
            self._append(payment)
            self._by_key[key] = payment
            return payment, True

    def deliver(self, supplier: str, key: str, details: dict[str, Any]) -> None:
        """Record a delivery to a supplier's webhook."""
        with self._lock:
            self._append({"kind": "webhook", "supplier": supplier, "key": key, **details})

    def find(self, key: str, *, lag_seconds: float) -> dict[str, Any] | None:
        """Return the payment of `key`, unless it is younger than the search lags."""
        with self._lock:
            payment = self._by_key.get(key)
        if payment is None or time.time() - payment["at"] < lag_seconds:
            return None
        return payment

    def payments(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._by_key.values())

    def deliveries(self) -> list[dict[str, Any]]:
        with self._lock:
            return [entry for entry in self._entries if entry["kind"] == "webhook"]

    def _append(self, entry: dict[str, Any]) -> None:
        entry["at"] = time.time()
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._entries.append(entry)


def read_entries(path: Path) -> list[dict[str, Any]]:
    """Return all whole entries of the file at `path`; none if there is no file."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1] if line]
