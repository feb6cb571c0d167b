"""A round trip: statements that leave in one piece, BEGIN with them, and whose answers come together.

They go to libpq by psycopg's thin layer over it (`psycopg.pq`): its cursors would take several times the processor time
for each, and a turn makes many, however few runs it is about. Values go as texts: each statement says their types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, PipelineStatus, TransactionStatus
from psycopg.waiting import Ready, Wait

#: The statements that each session has prepared, by their texts, the oldest first; and how many it keeps.
_prepared: WeakKeyDictionary[psycopg.Connection[Any], dict[str, bytes]] = WeakKeyDictionary()
_MOST_PREPARED = 300
_numbers = count()


class Reply:
    """What the server says to one statement. `rows` may be asked for when the round trip has ended."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.result: Any = None

    def rows(self) -> list[tuple[Any, ...]]:
        if self.result.status != ExecStatus.TUPLES_OK:
            return []
        self._reader.set_pgresult(self.result)
        rows: list[tuple[Any, ...]] = self._reader.load_rows(0, self.result.ntuples, tuple)
        return rows


class RoundTrip:
    """Statements on their way."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._reader: Any = Transformer(connection)
        self._statements: list[tuple[str, list[bytes | None], Reply]] = []

    def execute(self, text: str, values: Sequence[Any] = ()) -> Reply:
        """Let the statement go along, with values for `$1` and so on. Raises DataError for a NUL in a text."""
        reply = Reply(self._reader)
        self._statements.append((text, [_as_sent(value) for value in values], reply))
        return reply

    def make(self) -> None:
        """Send all, and wait for all answers. Raises what the first statement that failed raised."""
        server = self._connection.pgconn
        server.enter_pipeline_mode()
        try:
            steps = self._send()
            server.pipeline_sync()
            results = self._connection.wait(_answers(server))
        finally:
            self._leave()
        known = _prepared.setdefault(self._connection, {})
        for step, result in zip(steps, results, strict=False):
            if result.status == ExecStatus.FATAL_ERROR:
                raise self._error(result)
            if isinstance(step, Reply):
                step.result = result
            elif step is not None:
                known.update([step])
        if len(results) < len(steps):
            raise psycopg.OperationalError("the server has ended the session")

    def _error(self, result: Any) -> psycopg.Error:
        error = error_from_result(result, encoding=self._connection.info.encoding)
        if isinstance(error, psycopg.errors.InvalidSqlStatementName):
            # Somebody has thrown away what was prepared here.
            _prepared.pop(self._connection, None)
        # Without a state it is libpq that says it: the session is gone.
        return error if error.sqlstate else psycopg.OperationalError(str(error))

    def _send(self) -> list[Reply | tuple[str, bytes] | None]:
        """Send the statements; return for each answer whom it is for, or what is prepared with it."""
        connection, server = self._connection, self._connection.pgconn
        steps: list[Reply | tuple[str, bytes] | None] = []
        if not connection.autocommit and server.transaction_status == TransactionStatus.IDLE:
            server.send_query_params(connection._get_tx_start_command(), None)
            steps.append(None)
        known = _prepared.get(connection, {})
        while len(known) > _MOST_PREPARED:
            server.send_query_params(b"DEALLOCATE " + known.pop(next(iter(known))), None)
            steps.append(None)
        names = dict(known)
        for text, values, reply in self._statements:
            if connection.prepare_threshold is None:
                # A pooler lends the session: what is prepared there may be gone, or another's.
                server.send_query_params(text.encode(), values)
            else:
                if text not in names:
                    names[text] = b"workflows_%d" % next(_numbers)
                    server.send_prepare(names[text], text.encode())
                    steps.append((text, names[text]))
                server.send_query_prepared(names[text], values)
            steps.append(reply)
        return steps

    def _leave(self) -> None:
        server = self._connection.pgconn
        if server.status == ConnStatus.OK and server.pipeline_status != PipelineStatus.OFF:
            try:
                server.exit_pipeline_mode()
            except psycopg.Error:
                # Answers are missing: nobody can know any more which one is whose.
                self._connection.close()


@contextmanager
def round_trip(connection: psycopg.Connection[Any]) -> Iterator[RoundTrip]:
    """Send what is executed in the block when it ends, and then wait for all answers; nothing, if it raises.

    Raises what the first statement that failed raised.
    """
    trip = RoundTrip(connection)
    yield trip
    trip.make()


def _answers(server: Any) -> Any:
    """Return all results until the end of the pipeline, or of the session."""
    while server.flush():
        ready = yield Wait.RW
        if ready & Ready.R:
            server.consume_input()
    results: list[Any] = []
    while True:
        while server.is_busy():
            yield Wait.R
            server.consume_input()
        result = server.get_result()
        if result is None:
            if server.status == ConnStatus.BAD:
                return results
        elif result.status == ExecStatus.PIPELINE_SYNC:
            return results
        else:
            results.append(result)


def _as_sent(value: Any) -> bytes | None:
    if value is None:
        return None
    text = _array_of(value) if isinstance(value, list) else _text_of(value)
    if "\x00" in text:
        raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return text.encode()


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is nothing that a statement here takes")


def _array_of(values: Sequence[Any]) -> str:
    """Return an array's text, as PostgreSQL reads it where the statement says its type."""
    # Most are numbers.
    found = [str(value) if type(value) is int else _element(value) for value in values]
    return f"{{{','.join(found)}}}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        if "\\" in value or '"' in value:
            value = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{value}"'
    return _text_of(value)
