"""`manage.py drill` as it is run: whatever dies or comes meanwhile, it tells the score and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tests.demo.open_bank import plain_http
from tests.demo.runs import END_SECONDS, DemoProcess, is_left_behind
from tests.demo.test_serving import OPEN, free_port, logged_in
from tests.eventually import eventually
from workflows_app.demo import database

BANK = re.compile(r"The bank's payments: (http://127\.0\.0\.1:\d+)/ ")


class OpenDrill:
    """A drill whose cases are ready."""

    def __init__(self, process: DemoProcess) -> None:
        self.process = process
        self.wait_for(OPEN.pattern)
        # The inner process, the bank, the worker, and the web server with a process of its own.
        process.wait_for_children(5)
        self.name = process.run_name()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the drill tells what `pattern` finds."""
        process = self.process
        eventually(
            lambda: re.search(pattern, process.stdout) is not None or process.stderr != "",
            True,
            within_seconds=END_SECONDS,
        )
        found = re.search(pattern, process.stdout)
        assert found is not None, process.stderr
        return found

    def kill(self, name: str, *words: str) -> None:
        """Kill a process of the drill, and wait until it is started again."""
        told = f"The {name} had ended by signal 9, and was started again.\n"
        times = self.process.stdout.count(told)
        self.process.child(*words).kill()
        eventually(
            lambda: self.process.stdout.count(told) > times or self.process.stderr != "",
            True,
            within_seconds=END_SECONDS,
        )
        assert self.process.stdout.count(told) > times, self.process.stderr

    def decide_one(self) -> None:
        """Skip one of the cases, as the person at the shell."""
        run = self.ask("SELECT min(id) FROM workflows_app_run WHERE status = 'blocked'")
        told = ["resolve_runs", str(run), "--operation=skip_run", "--actor=demo", "--reason=drill"]
        subprocess.run(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *told, "--no-input"],
            env={**os.environ, "DEBUG": "1", **database.environment_for(self.name)},
            check=True,
            capture_output=True,
        )
        self.wait_for(r"\n 1 of 20  ")

    def ask(self, statement: LiteralString) -> Any:
        """Return what the drill's database answers."""
        with self._session() as session:
            row = session.execute(statement).fetchone()
        assert row is not None
        return row[0]

    def interrupt_a_statement(self) -> None:
        """Let Ctrl-C and the loss of its session come while the drill looks for decisions; wait until it says so."""
        waits = (
            "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE '%workflows_app_operatoraction%'"
        )
        inner = self.process.child("drill", "--skip-checks")
        with self._session() as holder:
            holder.execute("LOCK TABLE workflows_app_operatoraction IN ACCESS EXCLUSIVE MODE")
            eventually(lambda: self.ask(f"SELECT count(*) > 0 {waits}"), True)
            inner.suspend()
            inner.send_signal(signal.SIGINT)
            self.ask(f"SELECT bool_and(pg_terminate_backend(pid, 10000)) {waits}")
            inner.resume()
            self.wait_for(r"\nStopped\.\n")

    @contextmanager
    def _session(self) -> Iterator[psycopg.Connection]:
        params = {**connection.get_connection_params(), "dbname": self.name}
        with psycopg.connect(**params) as session:
            yield session


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[OpenDrill]:
    process = DemoProcess(tmp_path / "drill", f"--port={free_port()}", command="drill")
    try:
        yield OpenDrill(process)
    finally:
        process.stop()


def status_of(http: httpx.Client, address: str) -> int:
    """Return the status of a page; 0 of a server that is not there."""
    try:
        return http.get(address).status_code
    except httpx.TransportError:
        return 0


def score_of(drill: OpenDrill) -> str:
    """Return the last line of a drill that has ended and left nothing; it has told of each case."""
    process = drill.process
    assert process.left_alive() == []
    assert not is_left_behind(drill.name)
    told = process.stdout.splitlines()
    rows = [line for line in told if re.match(r" *\d+  INV-\d{4}   (open|right|wrong) ", line)]
    assert len(rows) == 20
    return told[-1]


def test_whatever_dies_is_started_again_and_ctrl_c_in_the_middle_of_a_statement_tells_the_score(
    drill: OpenDrill,
) -> None:
    address, password = drill.wait_for(OPEN.pattern).groups()
    bank = drill.wait_for(BANK.pattern)[1]
    assert "Needs a person: 20" in logged_in(address, password)
    drill.decide_one()

    drill.kill("worker", "run_worker")
    drill.kill("bank", "workflows_app.demo.bank")
    drill.kill("web server", "gunicorn")
    drill.ask(
        "SELECT bool_and(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    drill.process.wait_for_children(5)

    with plain_http() as http:
        eventually(lambda: status_of(http, f"{bank}/score"), 200, within_seconds=END_SECONDS)
        eventually(lambda: status_of(http, address), 302, within_seconds=END_SECONDS)
    assert "Needs a person: 19" in logged_in(address, password)

    drill.interrupt_a_statement()

    assert (drill.process.wait(), drill.process.stderr) == (0, "")
    assert re.fullmatch(r"Score: \d of 20 \(.*, 19 open\)\.", score_of(drill))


@pytest.mark.long
def test_a_worker_that_ends_again_and_again_ends_the_drill_with_the_score(drill: OpenDrill) -> None:
    for _ in range(3):
        drill.kill("worker", "run_worker")
    drill.process.wait_for_children(5)
    drill.process.child("run_worker").kill()

    assert drill.process.wait() == 1
    assert drill.process.stderr == (
        "CommandError: The worker has ended again and again, at last by signal 9.\n"
    )
    assert "Score: 0 of 20 (0 right, 0 caught, 0 wrong, 20 open)." in drill.process.stdout
