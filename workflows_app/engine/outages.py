"""What must not be forgotten is written even if the database is away meanwhile (P1, P3).

An answer from outside is known to this process alone. A worker that dies takes that with it; one that
only loses the database waits, and writes it then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import chain
from typing import TypeVar

from django.db import Error, connection
from psycopg.errors import (
    DeadlockDetected,
    LockNotAvailable,
    QueryCanceled,
    SerializationFailure,
)

from workflows_app.outages import pauses, watch

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
#: The database has undone what somebody else was writing at the same time.
LOST_A_RACE = (DeadlockDetected, LockNotAvailable, SerializationFailure)
#: … or it was too busy: what is done again later may succeed.
HELD_UP = (*LOST_A_RACE, QueryCanceled)


def retry_through_outage(
    write: Callable[[bool], T],
    *,
    within_seconds: float,
    also: tuple[type[Exception], ...] = (),
) -> T:
    """Call `write` until the database has taken what it writes, and return what it returned.

    It opens and commits a transaction of its own, and is told whether that may have been committed already and
    only the answer was lost: then it must do no harm. `also`: causes that end by themselves, too.
    Raises what `write` raised last when the time is over.
    """
    if connection.in_atomic_block:
        return write(False)
    # Not at all the first time: often only one session was ended.
    deadline = time.monotonic() + within_seconds
    is_again = False
    for pause in chain([0.0], pauses(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)):
        try:
            written = write(is_again)
        except Error as error:
            ends = watch.saw(error) or isinstance(error.__cause__, also)
            if not ends or time.monotonic() + pause > deadline:
                raise
            connection.close()
            time.sleep(pause)
            is_again = True
        else:
            watch.back()
            return written
    raise AssertionError("the pauses have no end")
