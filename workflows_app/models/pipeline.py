"""A pipeline whose statements leave in one piece, and BEGIN with them.

psycopg's own sends each statement as it is executed and looks for answers in between, and waits for
the answer to BEGIN before all. That costs packets, and waits after which another thread runs first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.waiting import Ready, Wait


class _InOnePiece(psycopg.Pipeline):
    """Leaves what is executed in libpq's buffer until an answer is needed."""

    _is_filling = True

    def _communicate_gen(self) -> Any:
        if not self._is_filling:
            yield from super()._communicate_gen()
            return
        while self.command_queue:
            self.command_queue.popleft()()

    def _sync_gen(self) -> Any:
        # Asked for after BEGIN, whose answer can come together with the others.
        return self._communicate_gen() if self._is_filling else super()._sync_gen()

    def _exit_gen(self) -> Any:
        try:
            self._enqueue_sync()
            yield from self._communicate_gen()
        finally:
            yield from self._fetch_gen(flush=False)

    def _fetch_gen(self, *, flush: bool) -> Any:
        self._is_filling = False
        while self.pgconn.flush():
            ready = yield Wait.RW
            if ready & Ready.R:
                self.pgconn.consume_input()
        yield from super()._fetch_gen(flush=flush)


@contextmanager
def round_trip(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Send what is executed in the block when it ends, and then wait for all answers.

    Raises what the first statement that failed raised.
    """
    connection._pipeline = _InOnePiece(connection)
    with connection.pipeline():
        yield
