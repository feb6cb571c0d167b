"""The bank's HTTP end: payments, a search that lags, webhooks that can't be looked up, pages for people."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from workflows_app.demo.bank import pages
from workflows_app.demo.bank.ledger import Ledger
from workflows_app.demo.bank.mischief import Mischief
from workflows_app.demo.bank.script import Script

#: How long the search misses a new payment.
SEARCH_LAG_SECONDS = 0.3
#: How long the bank keeps a caller waiting when it stays silent; callers give up earlier.
SILENCE_SECONDS = 5.0
MAX_BODY_BYTES = 1_000_000


class Bank(ThreadingHTTPServer):
    """The server, with its ledger and its mischief."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        ledger: Ledger,
        mischief: Mischief | Script,
        *,
        search_lag_seconds: float = SEARCH_LAG_SECONDS,
        score: Path | None = None,
        looks: Path | None = None,
    ) -> None:
        super().__init__(address, _Handler)
        self.search_lag_seconds = search_lag_seconds
        self.ledger = ledger
        self.mischief = mischief
        #: Where a drill writes how it stands.
        self.score = score
        #: Where it writes when its pages are opened.
        self.looks = looks
        self.closing = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bank

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self._body()
        if body is None:
            # What is left of the request would be taken for the next one.
            self.close_connection = True
            self._answer(400, {"error": "the body must be a JSON object with an invoice"})
        elif path == "/payments":
            self._pay(body)
        elif path.startswith("/webhooks/"):
            self._deliver(unquote(path.removeprefix("/webhooks/")), body)
        else:
            self._answer(404, {"error": "no such address"})

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        ledger, notices = self.server.ledger, self.server.mischief.notices
        wanted = (asked.get(name, "").strip() for name in ("q", "supplier", "amount"))
        about, score = pages.Sought(*wanted), self.server.score
        has_score = score is not None
        if address.path == "/healthz":
            self._answer(200, {"ok": True})
        elif address.path == "/":
            self._note_look()
            self._show(pages.payments_page(ledger.payments(), notices, about, has_score=has_score))
        elif address.path == "/suppliers":
            self._note_look()
            self._show(
                pages.suppliers_page(ledger.deliveries(), notices, about, has_score=has_score)
            )
        elif address.path == "/score" and score is not None:
            self._show(pages.score_page(json.loads(score.read_text(encoding="utf-8"))))
        elif address.path != "/payments":
            self._answer(404, {"error": "no such address"})
        elif "key" in asked:
            self._search(asked["key"], asked.get("invoice", ""))
        else:
            self._answer(200, ledger.payments())

    def _note_look(self) -> None:
        if self.server.looks is not None:
            with self.server.looks.open("a", encoding="utf-8") as file:
                file.write(f"{time.time():.3f}\n")

    def _pay(self, body: dict[str, Any]) -> None:
        key = self.headers.get("Idempotency-Key")
        if not key:
            self._answer(400, {"error": "Idempotency-Key is missing"})
            return
        failure = self.server.mischief.of_payment(body["invoice"])
        if failure == "rejected":
            self._answer(422, {"error": "the supplier's account is closed"})
        elif failure == "silent_before":
            self._stay_silent()
        elif failure == "unavailable_before":
            self._answer(503, {"error": "try again later"})
        else:
            payment, is_new = self.server.ledger.pay(key, body)
            self._after_the_effect(failure, 201 if is_new else 200, payment)

    def _deliver(self, supplier: str, body: dict[str, Any]) -> None:
        failure = self.server.mischief.of_webhook(body["invoice"])
        if failure == "rejected":
            self._answer(410, {"error": "the supplier takes no more news here"})
        elif failure == "silent_before":
            self._stay_silent()
        elif failure == "unavailable_before":
            self._answer(503, {"error": "try again later"})
        else:
            key = self.headers.get("Idempotency-Key", "")
            self.server.ledger.deliver(supplier, key, body)
            self._after_the_effect(failure, 202, {"accepted": True})

    def _after_the_effect(self, failure: str, status: int, answer: dict[str, Any]) -> None:
        if failure in ("answer_lost", "search_down"):
            self._hang_up()
        elif failure == "silent_after":
            self._stay_silent()
        elif failure == "unavailable_after":
            self._answer(503, {"error": "try again later"})
        else:
            self._answer(status, answer)

    def _search(self, key: str, invoice: str) -> None:
        if self.server.mischief.search_is_down(invoice):
            self._answer(503, {"error": "the search is down"})
            return
        payment = self.server.ledger.find(key, lag_seconds=self.server.search_lag_seconds)
        if payment is None:
            self._answer(404, {"error": "no payment of this key"})
        else:
            self._answer(200, payment)

    def _body(self) -> dict[str, Any] | None:
        try:
            length = int(self.headers.get("Content-Length", "0"))
            if not 0 <= length <= MAX_BODY_BYTES:
                return None
            body = json.loads(self.rfile.read(length))
        except (ValueError, RecursionError):
            return None
        if not isinstance(body, dict) or not isinstance(body.get("invoice"), str):
            return None
        return body

    def _answer(self, status: int, body: object) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _show(self, page: str) -> None:
        # Names may have half surrogates.
        self._send(200, "text/html; charset=utf-8", page.encode(errors="replace"))

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", pages.POLICY)
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True

    def _stay_silent(self) -> None:
        self.server.closing.wait(SILENCE_SECONDS)
        self._hang_up()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the ledger is the bank's record."""
