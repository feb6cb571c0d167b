"""Counting the commits that wait for the disk, by asking PostgreSQL before each of them.

PostgreSQL waits for the disk at a commit if, and only if, the transaction has a number (it wrote or
locked something) and `synchronous_commit` is on at that moment. Both are asked on the connection
itself, just before it commits, so nothing that other connections do can disturb the count, as it
would disturb the server's statistics of fsyncs, where one fsync may serve several commits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

from workflows_app.models import pipeline
from workflows_app.models.pipeline import Reply, RoundTrip

_ASK = """
    SELECT pg_current_xact_id_if_assigned() IS NOT NULL
       AND current_setting('synchronous_commit') <> 'off'
"""


class _Asking(psycopg.Connection[Any]):
    """A connection that asks before it commits."""

    #: One item for each commit that wrote or locked something and waited for the disk.
    waited: list[int]

    def commit(self) -> None:
        in_transaction = self.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
        if in_transaction and psycopg.Cursor(self).execute(_ASK).fetchone() == (True,):
            self.waited.append(1)
        super().commit()


class _AskingTrip(RoundTrip):
    """A round trip that asks before the COMMIT that goes along with it."""

    _asked: Reply | None = None

    def execute(self, text: str, values: Sequence[Any] = ()) -> Reply:
        if text == "COMMIT" and isinstance(self._connection, _Asking):
            self._asked = super().execute(_ASK)
        return super().execute(text, values)

    def make(self) -> None:
        super().make()
        if self._asked is not None and self._asked.rows() == [(True,)]:
            assert isinstance(self._connection, _Asking)
            self._connection.waited.append(1)


@contextmanager
def commits_that_wait() -> Iterator[list[int]]:
    """Give a list that grows by one with each commit of this thread that waits for the disk."""
    connection.ensure_connection()
    opened: Any = connection.connection
    before = type(opened)
    opened.__class__ = _Asking
    opened.waited = []
    pipeline.RoundTrip = _AskingTrip  # type: ignore[misc]
    try:
        yield opened.waited
        assert connection.connection is opened, "the connection was replaced meanwhile"
    finally:
        opened.__class__ = before
        pipeline.RoundTrip = RoundTrip  # type: ignore[misc]


def round_trips(work: Callable[[], object]) -> int:
    """Return how often `work` waits for the server's answer, on the connection of this thread.

    By the protocol: the last message before a client waits is a Sync, or a Query of the simple protocol.
    """
    connection.ensure_connection()
    driver = connection.connection.pgconn
    with tempfile.TemporaryFile("w+") as file:
        driver.trace(file.fileno())
        try:
            work()
        finally:
            driver.untrace()
        file.seek(0)
        messages = [line.rstrip().split("\t") for line in file if line.count("\t") >= 3]
    return sum(sender == "F" and name in ("Sync", "Query") for _, sender, _, name, *_ in messages)
