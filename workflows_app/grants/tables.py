"""The tables there are, and what the role that runs needs of each: decided by the guards that it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection, models, router
from django.db.migrations.recorder import MigrationRecorder

ROWS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
#: By the guards of a table, see `models.guards`; the first that it has says it.
_BY_GUARD = {
    "append_only": ROWS - {"UPDATE", "DELETE"},
    "never_deleted": ROWS - {"DELETE"},
}
#: Its tables are made by statements of its own: Django's models do not manage them.
_QUEUE = "procrastinate"
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@dataclass(frozen=True)
class Table:
    """A table that is there: its name and those of its sequences quoted, as they stand in a statement."""

    name: str
    schema: str
    owner: str
    sequences: tuple[str, ...]
    #: What the role that runs needs of it, and may have.
    wanted: frozenset[str]
    #: It has guards: of it nobody else may have more either.
    is_guarded: bool


def tables() -> list[Table]:
    """Return the tables of all installed apps in this app's database, by name."""
    wanted = dict(_wanted())
    guarded = {model._meta.db_table for model in _models() if _guards(model)}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.name, format('%%I.%%I', n.nspname, c.relname), n.nspname,
                   pg_get_userbyid(c.relowner),
                   ARRAY(SELECT d.objid::regclass::text FROM pg_depend d
                           JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
                          WHERE d.refobjid = c.oid AND d.classid = 'pg_class'::regclass
                            AND d.deptype IN ('a', 'i') ORDER BY 1)
              FROM unnest(%s::text[]) t (name)
              JOIN pg_class c ON c.oid = to_regclass(quote_ident(t.name)) AND c.relkind IN ('r', 'p')
              JOIN pg_namespace n ON n.oid = c.relnamespace
             ORDER BY 2
            """,
            [list(wanted)],
        )
        return [
            Table(name, schema, owner, tuple(sequences), wanted[short], short in guarded)
            for short, name, schema, owner, sequences in cursor.fetchall()
        ]


def _wanted() -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each table of the installed apps, and what the role that runs needs of it."""
    yield MigrationRecorder.Migration._meta.db_table, frozenset({"SELECT"})
    for model in _models():
        guards = _guards(model)
        privileges = next((given for name, given in _BY_GUARD.items() if name in guards), ROWS)
        yield model._meta.db_table, privileges


def _models() -> list[Any]:
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if (model._meta.managed or model._meta.app_label == _QUEUE)
        and not model._meta.proxy
        and router.allow_migrate_model(DEFAULT_DB_ALIAS, model)
    ]


def _guards(model: type[models.Model]) -> set[str]:
    """Return the names of the guards that the table of one of this app's models has."""
    if model._meta.app_label != "workflows_app":
        return set()
    return {trigger.name for trigger in getattr(model._meta, "triggers", [])}
