"""Many rows at once: those of some events, as the host wrote them, copied set by set.

For what depends on numbers, plans and speed: a million finished events, with inputs, runs, outside
effects and histories, in minutes. The columns come from the models, so copies stay what the host
writes; `manage.py doctor` finds nothing wrong with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, models, transaction

from tests.owner import as_owner
from workflows_app.models import (
    Event,
    EventInput,
    Evidence,
    Handler,
    Input,
    Lease,
    Mutation,
    Reservation,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
)

_EVENTS = "= ANY(%(rows)s)"
_RUNS = f"IN (SELECT run_id FROM workflows_app_reservation WHERE event_id {_EVENTS})"
_MUTATIONS = f"IN (SELECT id FROM workflows_app_mutation WHERE run_id {_RUNS})"
_INPUTS = f"IN (SELECT input_id FROM workflows_app_eventinput WHERE event_id {_EVENTS})"

#: The tables that are copied, and which of their rows belong to what is copied.
Tables = dict[type[models.Model], str]
_OF_EVENTS: Tables = {
    Input: f"id {_INPUTS}",
    Event: f"id {_EVENTS}",
    EventInput: f"event_id {_EVENTS}",
    Run: f"id {_RUNS}",
    Reservation: f"event_id {_EVENTS}",
    Mutation: f"run_id {_RUNS}",
    Evidence: f"mutation_id {_MUTATIONS}",
}
_OF_WORKFLOWS: Tables = {
    Workflow: "id = ANY(%(rows)s)",
    WorkflowVersion: "workflow_id = ANY(%(rows)s)",
    Handler: "workflow_id = ANY(%(rows)s)",
    Topic: "workflow_id = ANY(%(rows)s)",
    Lease: "workflow_id = ANY(%(rows)s)",
}
#: The number of a copy; `m0` is about the row itself, or the one whose history it is.
_NUMBER = "to_char(%(first)s + (n - 1) * m0.width + m0.at, %(format)s)"
#: What differs between copies, and how.
_TEXT_OF_ITS_OWN = {
    "message_id": _NUMBER,
    "external_id": _NUMBER,
    "slug": _NUMBER,
    "lane": "coalesce((((%(first)s + (n - 1) * m0.width + m0.at) / m0.width) %% %(lanes)s)::text, t.lane)",
    "idempotency_key": "CASE WHEN t.idempotency_key = '' THEN '' ELSE md5(t.idempotency_key || n) END",
}


def copy_events(
    events: Sequence[Event],
    copies: int,
    *,
    first: int,
    seconds_apart: float = 0.0,
    lanes: int = 0,
) -> None:
    """Copy `events`, and all that came of them, `copies` times. Commits; needs a superuser.

    The copies' message ids are numbers from `first` on. With `seconds_apart` each copy is dated so
    much before the next one, and the last one so much before the events themselves. With `lanes` the
    copies of each event, which is pending, go into so many lanes in turn, named by numbers.
    """
    rows = [event.pk for event in events]
    values = {
        "first": first,
        "format": "FM000000000",
        "apart": seconds_apart,
        "lanes": lanes or None,
    }
    _copy(_OF_EVENTS, {**values, "rows": rows, "copies": copies})


def copy_workflow(workflow: Workflow, copies: int, *, first: int, slug: str) -> None:
    """Copy a workflow without its events. Commits; needs a superuser.

    The slugs are `slug` and a number of five digits, from `first` on.
    """
    values = {"first": first, "format": f'FM"{slug}"00000', "apart": 0.0, "lanes": None}
    _copy(_OF_WORKFLOWS, {**values, "rows": [workflow.pk], "copies": copies})


def _copy(tables: Tables, values: dict[str, Any]) -> None:
    if values["copies"] < 1:
        return
    with transaction.atomic(), as_owner(), connection.cursor() as cursor:
        # Each reference is made right here: checking it again for each row takes most of the time.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for model, belongs in tables.items():
            _number(cursor, model, belongs, values)
        for model, belongs in tables.items():
            cursor.execute(_copying(tables, model, model, belongs), values)
            _move_sequence(cursor, model)
            if hasattr(model, "history"):
                history: type[models.Model] = model.history.model
                own = f"id IN (SELECT id FROM {_numbers(model)})"
                _number(cursor, history, own, values)
                cursor.execute(_copying(tables, history, model, own), values)
                _move_sequence(cursor, history)


def _numbers(model: type[models.Model]) -> str:
    return f"copied_{model._meta.db_table}"


def _key(model: type[models.Model]) -> str:
    assert model._meta.pk.column is not None
    return model._meta.pk.column


def _number(cursor: Any, model: type[models.Model], belongs: str, values: dict[str, Any]) -> None:
    """Make a table of the rows to copy: each with its place among them, and what its copies get."""
    key, table = _key(model), model._meta.db_table
    cursor.execute(
        f"CREATE TEMPORARY TABLE {_numbers(model)} ON COMMIT DROP AS"
        f" SELECT {key} AS id, row_number() OVER (ORDER BY {key}) - 1 AS at,"
        f" count(*) OVER () AS width, (SELECT max({key}) + 1 FROM {table}) AS base"
        f" FROM {table} WHERE {belongs}",
        values,
    )


def _copying(
    tables: Tables, model: type[models.Model], original: type[models.Model], belongs: str
) -> str:
    """Return the statement that copies rows of `model`, the history of `original` or itself."""
    columns, expressions, joins = [], [], []
    for field in model._meta.concrete_fields:
        columns.append(f'"{field.column}"')
        target = _target(tables, field, model, original)
        if target is not None:
            name = f"m{len(joins)}"
            joins.append(f'LEFT JOIN {_numbers(target)} {name} ON {name}.id = t."{field.column}"')
            copied = f"{name}.base + (n - 1) * {name}.width + {name}.at"
            expressions.append(f'coalesce({copied}, t."{field.column}")')
        else:
            expressions.append(_expression(field))
    return (
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)})"
        f" SELECT {', '.join(expressions)} FROM generate_series(1, %(copies)s) n"
        f" CROSS JOIN {model._meta.db_table} t {' '.join(joins)}"
        f" WHERE t.{belongs} ORDER BY n, t.{_key(model)}"
    )


def _target(
    tables: Tables, field: Any, model: type[models.Model], original: type[models.Model]
) -> type[models.Model] | None:
    """Return the model whose numbers `field` holds, if its rows are copied."""
    related: type[models.Model] | None = field.remote_field.model if field.remote_field else None
    if related is not None:
        return related if related in tables else None
    if model is not original and field.column == _key(original):
        return original
    return model if field.primary_key else None


def _expression(field: Any) -> str:
    if field.name in _TEXT_OF_ITS_OWN:
        return _TEXT_OF_ITS_OWN[field.name]
    if isinstance(field, models.DateTimeField):
        return f't."{field.column}" - make_interval(secs => %(apart)s * (%(copies)s - n + 1))'
    return f't."{field.column}"'


def _move_sequence(cursor: Any, model: type[models.Model]) -> None:
    table, key = model._meta.db_table, _key(model)
    cursor.execute(
        f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'), (SELECT max({key}) FROM {table}))"
    )
