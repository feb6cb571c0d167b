"""Checks that are one SQL statement, read row by row through a cursor on the server.

A statement returns `workflow_id`, `subject`, `id` and `detail`, and only rows that are wrong. What
is compared may be null, so the conditions of a good row end in `IS NOT TRUE`. It may read
`run_and_outcome`: every run with its own mutation (`own_id`) and with the one whose outcome `next`
gets, its own or the one it carries (`outcome_id`, `outcome`); `is_open`: it has not ended; `only_next`:
that outcome is settled, and only `next` is left; `took_over`: it went on with the prepare result of the
run that it retries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection, transaction

from workflows_app.doctor.check import Found, Scope
from workflows_app.models import Run

#: How many rows are fetched at once.
CHUNK = 1000

_OPEN = ", ".join(f"'{status}'" for status in Run.OPEN)
_RUN_AND_OUTCOME = f"""
    WITH run_and_outcome AS NOT MATERIALIZED (
        SELECT r.*,
               r.status IN ({_OPEN}) AS is_open,
               own.id AS own_id,
               coalesce(own.id, carried.id) AS outcome_id,
               coalesce(own.status, carried.status) AS outcome,
               coalesce(coalesce(own.status, carried.status) IN ('applied', 'skipped')
                        OR (coalesce(own.status, carried.status) = 'failed'
                            AND coalesce(own.resolved_by, carried.resolved_by) <> 'operator'
                            AND r.phase IN ('mutated', 'emitting', 'committed')),
                        false) AS only_next,
               coalesce(r.idempotency_key <> '' AND r.idempotency_key = before.idempotency_key,
                        false) AS took_over
          FROM workflows_app_run r
          LEFT JOIN workflows_app_mutation own ON own.run_id = r.id
          LEFT JOIN workflows_app_mutation carried ON carried.id = r.carried_mutation_id
          LEFT JOIN workflows_app_run before ON before.id = r.retry_of_id
    )
"""  # noqa: S608 - the model's own words


def statement(sql: str) -> Callable[[Scope], Iterator[Found]]:
    """Return what finds the rows of `sql`."""

    def find(scope: Scope) -> Iterator[Found]:
        return rows(sql, scope)

    return find


def rows(sql: str, scope: Scope, **parameters: Any) -> Iterator[Found]:
    """Run `sql` and yield its rows, those of the scope's workflow and of none in particular."""
    query = f"{_RUN_AND_OUTCOME} SELECT workflow_id, subject, id, detail FROM ({sql}) found"  # noqa: S608 - the checks' own texts
    if scope.workflow_id is not None:
        query += " WHERE workflow_id IS NULL OR workflow_id = %(workflow_id)s"
    query += " ORDER BY id, detail"
    parameters["workflow_id"] = scope.workflow_id
    # A cursor on the server lives in a transaction; also behind a pool that shares connections.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(query, parameters)
        while chunk := cursor.fetchmany(CHUNK):
            for row in chunk:
                yield Found(*row)
