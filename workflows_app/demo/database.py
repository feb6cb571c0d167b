"""A database of its own for a run of the demo that ends by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connection
from psycopg import sql


class NoDatabase(Exception):
    """The server can't be reached, or makes no database for this user."""


def require_own(*, is_mine: bool) -> None:
    """Refuse a database that may be somebody's, as on the machine of a team. Raises NoDatabase."""
    engine: str = connection.settings_dict["ENGINE"]
    if not is_mine and not engine.endswith("embedded_postgres"):
        raise NoDatabase(
            "The demo fills its database, and this is not the embedded one. Leave DATABASE_URL out, or"
            " say --database-is-mine if nobody needs what is in it."
        )


@contextmanager
def fresh(name: str) -> Iterator[None]:
    """Make the database `name` for a block. Raises NoDatabase."""
    try:
        _tell_server("CREATE DATABASE {}", name)
    except psycopg.errors.InsufficientPrivilege:
        user = connection.get_connection_params().get("user", "this user")
        raise NoDatabase(
            f"The demo makes a database of its own, and {user} may not: ask for CREATEDB, or leave"
            " DATABASE_URL out."
        ) from None
    except psycopg.Error as error:
        raise NoDatabase(f"The demo can't make a database of its own: {error}") from None
    except BaseException:
        # Interrupted, and it may be there.
        drop(name)
        raise
    try:
        yield
    finally:
        drop(name)


def drop(name: str) -> None:
    """Remove the database `name`, if it is there, and whoever is connected. Raises NoDatabase."""
    try:
        _tell_server("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
    except psycopg.Error as error:
        raise NoDatabase(f"The demo can't remove its database {name}: {error}") from None


def _tell_server(statement: LiteralString, name: str) -> None:
    params: dict[str, Any] = {**connection.get_connection_params(), "dbname": "postgres"}
    with psycopg.connect(**params, autocommit=True) as server:
        server.execute(sql.SQL(statement).format(sql.Identifier(name)))


def environment_for(name: str) -> dict[str, str]:
    """Return the variables that make the project use the database `name`."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        return {"EMBEDDED_POSTGRES_NAME": name}
    return {"DATABASE_URL": urlunsplit(urlsplit(url)._replace(path=f"/{name}"))}
