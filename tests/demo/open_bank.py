"""The demo's bank, open in this process, and asked over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from workflows_app.demo.bank.ledger import Ledger, read_entries
from workflows_app.demo.bank.mischief import Mischief
from workflows_app.demo.bank.script import Script
from workflows_app.demo.bank.server import Bank

SEED = 1


def plain_http(url: str = "") -> httpx.Client:
    """Return a client that takes no time to read certificates."""
    return httpx.Client(base_url=url, verify=False)


class OpenBank:
    """A bank that is open, with its records."""

    def __init__(self, records: Path, fails_by: Mischief | Script) -> None:
        self.records = records
        self.server = Bank(("127.0.0.1", 0), Ledger(records), fails_by)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.http = plain_http(self.url)

    def entries(self) -> list[dict[str, Any]]:
        """Return what is in the bank's records, without the time."""
        return [
            {name: value for name, value in entry.items() if name != "at"}
            for entry in read_entries(self.records)
        ]

    def pay(self, invoice: str, *, key: str = "k-1", timeout: float = 5.0) -> httpx.Response:
        """Ask for a payment."""
        return self._post("/payments", {"invoice": invoice, "amount": "12.50"}, key, timeout)

    def tell(self, invoice: str, *, key: str = "k-1", timeout: float = 5.0) -> httpx.Response:
        """Deliver the news of a payment to a supplier."""
        return self._post("/webhooks/ACME%20Ltd", {"invoice": invoice}, key, timeout)

    def search(self, key: str, invoice: str = "") -> httpx.Response:
        """Look for the payment of this key."""
        return self.http.get("/payments", params={"key": key, "invoice": invoice})

    def _post(self, path: str, body: Any, key: str, timeout: float) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post(path, json=body, headers=headers, timeout=timeout)


@contextmanager
def open_bank(records: Path, fails_by: Mischief | Script) -> Iterator[OpenBank]:
    """Open a bank for a block."""
    bank = OpenBank(records, fails_by)
    thread = threading.Thread(target=bank.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with bank.http:
            yield bank
    finally:
        bank.server.closing.set()
        bank.server.shutdown()
        bank.server.server_close()
        thread.join()


def invoice_that(fails: str = "", *, webhook_fails: str = "") -> str:
    """Return the number of an invoice whose payment and webhook go wrong so, the first time."""
    for number in range(100_000):
        mischief, invoice = Mischief(SEED), f"T-{number}"
        if (mischief.of_payment(invoice), mischief.of_webhook(invoice)) == (fails, webhook_fails):
            return invoice
    raise AssertionError(f"no invoice goes wrong as {fails!r} and then {webhook_fails!r}")
