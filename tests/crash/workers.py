"""Real worker processes on the test's database, to be killed, stopped and continued."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from django.db import connection

from tests.crash.payments import ADDRESS_VARIABLE, SLUGS_VARIABLE
from tests.crash.processes import ENVIRONMENT, start
from tests.eventually import eventually
from tests.rivals import holding, sessions_that_wait, waiting_for_locks
from workflows_app.demo.database import environment_for
from workflows_app.waking import SESSION_NAME

#: Retries and reconciliation at once, and a dead worker's jobs soon taken for stalled.
POLICY: dict[str, Any] = {
    "backoff_initial_seconds": 0,
    "reconcile_attempts": 3,
    "poll_seconds": 0.1,
    "heartbeat_seconds": 0.2,
    "stalled_after_seconds": 1.5,
}


def sessions_in_transactions() -> dict[int, str]:
    """Return the sessions of workers that have begun a transaction and not ended it, with their states."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, state FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = %s AND xact_start IS NOT NULL",
            [SESSION_NAME],
        )
        return dict(cursor.fetchall())


class Worker:
    """One `manage.py run_worker`, with its log in a file."""

    def __init__(
        self, log: Path, *, slugs: list[str], address: str, checks: bool = False, **policy: Any
    ) -> None:
        """Start it; without the system's checks, which are a quarter of a start, unless `checks`."""
        self.log = log
        self._process = start(
            *("run_worker", *([] if checks else ["--skip-checks"])),
            environment={
                **environment_for(connection.settings_dict["NAME"]),
                **ENVIRONMENT,
                "WORKFLOWS": json.dumps({**POLICY, **policy}),
                ADDRESS_VARIABLE: address,
                SLUGS_VARIABLE: " ".join(slugs),
            },
            log=log,
        )

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.exitcode is None

    def kill(self) -> None:
        """End the process as `kill -9` and a power cut do."""
        self._process.kill()
        self._process.join()

    def tell_to_stop(self) -> None:
        """Ask it to end when it has finished what is under way."""
        self._process.terminate()

    def ends(self, *, within_seconds: float) -> int:
        """Wait until it ends, and return its exit code."""
        self._process.join(within_seconds)
        assert self._process.exitcode is not None, f"still running after {within_seconds} s"
        return self._process.exitcode

    def freeze(self) -> None:
        """Stop the process where it is; to others it looks dead."""
        os.kill(self.pid, signal.SIGSTOP)

    def freeze_between_transactions(self) -> None:
        """Stop the process where it holds no locks of the database."""
        self.freeze()
        while sessions_in_transactions():
            self.thaw()
            time.sleep(0.01)
            self.freeze()

    def freeze_in_a_transaction(self) -> None:
        """Stop the process between the statements of a transaction, where it holds locks."""
        while True:
            with holding("LOCK TABLE workflows_app_breaker IN ACCESS EXCLUSIVE MODE"):
                # It reads that table when it has locked the workflows, and waits for it only so long.
                eventually(waiting_for_locks, 1, every_seconds=0.001)
                waited = sessions_that_wait()
                self.freeze()
            eventually(waiting_for_locks, 0)
            # That very one: another may be about to put a job into the queue.
            found = sessions_in_transactions()
            if waited and all(found.get(pid) == "idle in transaction" for pid in waited):
                return
            self.thaw()

    def thaw(self) -> None:
        """Let the frozen process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> str:
        """End the process if it still runs, and return its log."""
        self.kill()
        return self.log.read_text()
