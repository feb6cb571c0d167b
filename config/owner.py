"""Which commands connect as the role that owns the tables: those that change more than rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_COMMANDS = ("migrate", "grant_role", "pgtrigger")


def database_variable(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the name of the variable that says where the database is, for a command line.

    Where only DATABASE_URL is set, one role does both.
    """
    owns = len(arguments) > 1 and arguments[1] in _COMMANDS
    return (
        "MIGRATION_DATABASE_URL"
        if owns and environment.get("MIGRATION_DATABASE_URL")
        else "DATABASE_URL"
    )
