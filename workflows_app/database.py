"""What the database must be like, and whether it is: told by a system check, and by workers at their start."""

from __future__ import annotations

from django.core.checks import CheckMessage, Error
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import IsolationLevel

#: PostgreSQL's default, and the only level under which a session sees what others commit meanwhile.
_ISOLATION = "read committed"
_LETTERS = """
    SELECT upper(chr(228)) = chr(196) AND upper('i') = 'I' AND lower('I') = 'i',
           coalesce(row.datlocale, row.datcollate)
      FROM (SELECT datcollate,
                   coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') AS datlocale
              FROM pg_database d WHERE datname = current_database()) row
"""


def database_problems() -> list[CheckMessage]:
    """Return what is wrong with the database of this app. Raises DatabaseError if it is away.

    E001: it is no PostgreSQL. E012: its encoding. E013: its locale. E014: its isolation level.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql":
        return [
            Error(
                f"Database '{DEFAULT_DB_ALIAS}' is {database.vendor}, not PostgreSQL.",
                hint="Let DATABASES name one; in this repository's project DATABASE_URL does.",
                id="workflows_app.E001",
            )
        ]
    return [*_of_letters(database), *_of_isolation(database)]


def has_queue() -> bool:
    """Tell whether the workers' queue is there: its tables, as the triggers, come by migrations alone."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT to_regclass('procrastinate_jobs') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def _of_letters(database: BaseDatabaseWrapper) -> list[CheckMessage]:
    with database.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_encoding')")
        encoding = cursor.fetchone()[0]
        if encoding != "UTF8":
            return [
                Error(
                    f"The encoding of the database is {encoding}, which lacks letters: it must be UTF8.",
                    hint="Make a database with ENCODING 'UTF8' TEMPLATE template0, and use that.",
                    id="workflows_app.E012",
                )
            ]
        cursor.execute(_LETTERS)
        is_usual, locale = cursor.fetchone()
    if is_usual:
        return []
    return [
        Error(
            f"The database has the locale '{locale}', which does not know 'Ä' and 'I' as the capital"
            " letters of 'ä' and 'i': searches would miss rows.",
            hint="Make a database with LOCALE 'C.UTF-8' TEMPLATE template0, say, and use that.",
            id="workflows_app.E013",
        )
    ]


def _of_isolation(database: BaseDatabaseWrapper) -> list[CheckMessage]:
    with database.cursor() as cursor:
        cursor.execute("SELECT current_setting('default_transaction_isolation')")
        level = cursor.fetchone()[0]
    asked = database.settings_dict["OPTIONS"].get("isolation_level")
    if asked is not None:
        level = IsolationLevel(asked).name.lower().replace("_", " ")
    if level == _ISOLATION:
        return []
    where = "OPTIONS['isolation_level']" if asked is not None else "default_transaction_isolation"
    return [
        Error(
            f"Transactions are '{level}' by {where}: a worker or a person would not see what others"
            f" have committed while they waited. They must be '{_ISOLATION}'.",
            hint=(
                f"Take {where} out of DATABASES."
                if asked is not None
                else "Set default_transaction_isolation of the role, the database or the server to"
                f" '{_ISOLATION}'."
            ),
            id="workflows_app.E014",
        )
    ]
