"""The demo with a person at the keyboard: web server, worker and bank, until Ctrl-C."""

from __future__ import annotations

import fcntl
import secrets
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workflows_app.demo import places
from workflows_app.demo.invoices import FILE_VARIABLE
from workflows_app.demo.processes import (
    ChildEnded,
    Children,
    EndedBySignal,
    ended_by_signals,
    manage,
    start_bank,
)
from workflows_app.demo.setting_up import USER, set_up
from workflows_app.demo.workflows import BANK_URL_VARIABLE

_ANSWER_SECONDS = 60.0


class CannotServe(Exception):
    """The demo can't be served now. The sentence says why."""


@dataclass(frozen=True)
class ServedDemo:
    """One served demo. Its database and the bank's records are there again at the next start."""

    path: Path
    seed: int
    port: int
    is_logged: bool
    tell: Callable[[str], object]

    def serve(self) -> None:
        """Serve until a signal comes. Raises CannotServe and ChildEnded."""
        require_free(self.port)
        run = places.served_run()
        directory = places.directory_of(run)
        directory.mkdir(parents=True, exist_ok=True)
        log = places.log_of(run) if self.is_logged else None
        with ended_by_signals(), _alone(directory / "lock"), places.logged_to(log):
            self.tell("Starting the web server, a worker and the bank.")
            password = secrets.token_urlsafe(9)
            try:
                set_up(password=password)
                with Children({FILE_VARIABLE: str(self.path)}, log=log) as children:
                    self._start(children, directory)
                    self._tell_how(password, directory, log)
                    while True:
                        children.keep_up(self.tell)
                        time.sleep(0.5)
            except EndedBySignal:
                self.tell("Stopped.")

    def _start(self, children: Children, directory: Path) -> None:
        url = start_bank(children, directory=directory, fails_by=["--seed", str(self.seed)])
        children.environment[BANK_URL_VARIABLE] = url
        children.start("worker", *manage("run_worker", "--skip-checks"))
        start_web_server(children, self.port)

    def _tell_how(self, password: str, directory: Path, log: Path | None) -> None:
        self.tell(
            f"Open http://127.0.0.1:{self.port}/admin/ and log in as '{USER}' with password"
            f" '{password}'.\n"
            "Work goes on until it needs a person: you. Ctrl-C stops everything.\n"
            f"The bank's own records: {directory / 'bank.jsonl'}"
        )
        if log:
            self.tell(f"What the processes log:  {log}")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let nobody else serve meanwhile: two banks must not write one ledger."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotServe(
                "The demo is being served from this database already. Stop that first."
            ) from None
        yield


def require_free(port: int) -> None:
    """Raise CannotServe if another program has the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotServe(
                f"Port {port} can't be used: {error.strerror}. Choose another by --port."
            ) from None


def start_web_server(children: Children, port: int, *options: str) -> None:
    """Start gunicorn, with more options of its own; return once it answers. Raises ChildEnded."""
    bind = ["--bind", f"127.0.0.1:{port}", "--log-level", "warning", *options]
    server = ["gunicorn", "-c", "python:config.gunicorn", *bind, "config.wsgi"]
    children.start("web server", "-m", *server)
    _wait_for_answer(children, f"http://127.0.0.1:{port}/healthz")


def _wait_for_answer(children: Children, url: str) -> None:
    deadline = time.monotonic() + _ANSWER_SECONDS
    while True:
        children.check()
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own address
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise ChildEnded(
                    f"The web server did not answer within {_ANSWER_SECONDS:g} seconds."
                ) from None
            time.sleep(0.1)
