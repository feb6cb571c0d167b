"""Sessions behind a pooler that gives each transaction another one of the server's, as PgBouncer can.

What belongs to a session of the server is not safe there: a prepared statement may be missing when it is
wanted, or be another client's of the same name. And nobody hears a notification.
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

_WHO = "SELECT pg_backend_pid()"


@receiver(connection_created, dispatch_uid="workflows_app.poolers")
def prepare_nothing_behind_pooler(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Switch prepared statements off for a session that is not the server's own."""
    session = connection.connection
    if connection.alias != DEFAULT_DB_ALIAS or not isinstance(session, psycopg.Connection):
        return
    if session.prepare_threshold is not None and is_lent(session):
        session.prepare_threshold = None


def is_lent(session: psycopg.Connection[Any]) -> bool:
    """Tell whether a pooler lends the server's session for a transaction at a time. One statement."""
    with session.cursor() as cursor:
        return _is_another_s(session, cursor.execute(_WHO).fetchone())


async def is_behind_pooler(session: psycopg.AsyncConnection[Any]) -> bool:
    """Tell whether a pooler stands between this process and the server."""
    async with session.cursor() as cursor:
        await cursor.execute(_WHO)
        return _is_another_s(session, await cursor.fetchone())


def _is_another_s(session: Any, row: Any) -> bool:
    """Tell whether the server's number of the session is another one than who answers first had said."""
    number = next(iter(row.values())) if isinstance(row, dict) else row[0]
    return bool(number != session.info.backend_pid)
