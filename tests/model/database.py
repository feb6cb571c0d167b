"""One transaction a story, rolled back at its end; and commits that fail, or are a worker's last act.

Under the test's transaction a durable block is a savepoint, and its commit the savepoint's release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import IntegrityError, OperationalError, connection, transaction

from workflows_app.testing import SimulatedCrash

#: What happens at which commit from now, the next one being 0.
Fault = tuple[str, int]

GOES_AWAY = "the database goes away at the commit"
REFUSES = "the database refuses the commit"
KILLS = "the worker dies after the commit"


class Database:
    """The database of one story."""

    def __init__(self) -> None:
        self.commits = 0
        #: How many commits were through when the fault happened; none if it did not.
        self.failed_at: int | None = None
        self._fault: Fault | None = None
        self._is_rolled_back = False
        self._atomic: Any = transaction.atomic()
        # So that durable blocks open inside, as within Django's own test cases.
        self._atomic._from_testcase = True
        self._atomic.__enter__()

    def roll_back(self) -> None:
        transaction.set_rollback(True)
        self._atomic.__exit__(None, None, None)

    def check(self) -> None:
        """Check the foreign keys, which are else looked at when a transaction commits."""
        connection.check_constraints()

    @contextmanager
    def with_fault(self, fault: Fault | None) -> Iterator[None]:
        """Count the commits of the block; let `fault` happen at one of them."""
        self.failed_at = None
        self._fault = (fault[0], self.commits + fault[1]) if fault else None
        try:
            with connection.execute_wrapper(self._watch):
                yield
        finally:
            self._fault = None

    def _watch(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        is_commit = sql.startswith("RELEASE SAVEPOINT") and not self._is_rolled_back
        # What was rolled back is released too.
        self._is_rolled_back = sql.startswith("ROLLBACK TO SAVEPOINT")
        if not is_commit:
            return execute(sql, params, many, context)
        what, when = self._fault or ("", -1)
        strikes = self.commits == when
        if strikes and what != KILLS:
            self._fault, self.failed_at = None, self.commits
            if what == REFUSES:
                raise IntegrityError("a constraint was violated")
            raise OperationalError("the database went away") from psycopg.OperationalError()
        released = execute(sql, params, many, context)
        self.commits += 1
        if strikes:
            self._fault, self.failed_at = None, self.commits
            raise SimulatedCrash
        return released
