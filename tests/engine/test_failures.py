"""What errors mean that come of the database, or that it can't keep (P2). All others: `tests/stories`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from tests.engine.stage import Deploy, code, consumer, host, last_run, send

pytestmark = pytest.mark.django_db


def _raises(error: Exception) -> Callable[..., Any]:
    def handler(*_: Any) -> Any:
        raise error

    return handler


@pytest.mark.parametrize("undone", [DeadlockDetected, LockNotAvailable, SerializationFailure])
def test_what_the_database_undid_for_another_one_is_tried_again(
    deploy: Deploy, undone: type[Exception]
) -> None:
    error = OperationalError("somebody else was first")
    error.__cause__ = undone()
    deploy(code(consumer(next=_raises(error))))
    send()
    host()

    assert (last_run().failure_kind, last_run().failure_message) == (
        "transient",
        "somebody else was first",
    )


class _Speechless(Exception):
    def __init__(self, way: BaseException) -> None:
        self._way = way

    def __str__(self) -> str:
        raise self._way


def _of_itself() -> Exception:
    """Return what `raise error from error` makes."""
    error = ValueError("again")
    error.__cause__ = error
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("bad \x00 byte"), "ValueError: bad \\x00 byte"),
        (ValueError("half \ud800 pair"), "ValueError: half \\ud800 pair"),
        (_Speechless(ValueError("no words")), "_Speechless: its text can't be read"),
        (_Speechless(SystemExit(1)), "_Speechless: its text can't be read"),
        (_of_itself(), "ValueError: again"),
    ],
    ids=["NUL", "surrogate", "speechless", "leaving", "of itself"],
)
def test_an_error_that_is_hard_to_tell_or_to_keep_still_ends_the_run(
    deploy: Deploy, error: Exception, message: str
) -> None:
    deploy(code(consumer(_raises(error))))
    send()
    host()

    assert (last_run().status, last_run().failure_message) == ("failed", message)
