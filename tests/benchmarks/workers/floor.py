"""The floor's worker: psycopg, a statement a row, two commits a run."""

from __future__ import annotations

import os
import sys
import time
import uuid
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tests.benchmarks.calls import make_effects

A_RUN = int(os.environ.get("BENCH_EVENTS_A_RUN", "1"))
_TAKE = (
    "SELECT id, workflow, message_id, payload FROM floor_event WHERE status = 'pending'"
    " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED"
)
_RUN = (
    "INSERT INTO floor_run_history (id, workflow, phase, status, prepare_result, started_at, at, why)"
    " VALUES (%s, %s, %s, %s, %s, now(), now(), %s)"
)
_EVENT = (
    "INSERT INTO floor_event_history (id, workflow, message_id, payload, status, reserved_by, at, why)"
    " VALUES (%s, %s, %s, %s, %s, %s, now(), %s)"
)
_MUTATION = (
    "INSERT INTO floor_mutation_history (id, run, params, key, status, result, at, why)"
    " VALUES (%s, %s, %s, %s, %s, %s, now(), %s)"
)
_RESERVE = "UPDATE floor_event SET status = 'reserved', reserved_by = %s WHERE id = %s"
_CONSUME = "UPDATE floor_event SET status = 'consumed', reserved_by = NULL WHERE id = %s"


def work(db: psycopg.Connection[Any]) -> bool:
    """Handle the oldest pending events as one run. Return False if there are none."""
    events = db.execute(_TAKE, (A_RUN,)).fetchall()
    if not events:
        db.rollback()
        return False
    workflow, names = events[0][1], [name for _, _, name, _ in events]
    params, key = Jsonb({"names": names}), uuid.uuid4().hex
    run = _id(
        db,
        "INSERT INTO floor_run (workflow, phase, status, started_at)"
        " VALUES (%s, 'preparing', 'active', now()) RETURNING id",
        (workflow,),
    )
    db.execute(_RUN, (run, workflow, "preparing", "active", None, "started"))
    for event, _, name, payload in events:
        db.execute(_RESERVE, (run, event))
        db.execute(_EVENT, (event, workflow, name, Jsonb(payload), "reserved", run, "reserved"))
        db.execute(
            "INSERT INTO floor_reservation (run, event, at) VALUES (%s, %s, now())", (run, event)
        )
    db.execute(
        "UPDATE floor_run SET phase = 'mutating', prepare_result = %s WHERE id = %s", (params, run)
    )
    db.execute(_RUN, (run, workflow, "mutating", "active", params, "about to call"))
    mutation = _id(
        db,
        "INSERT INTO floor_mutation (run, params, key, status) VALUES (%s, %s, %s, 'in_flight')"
        " RETURNING id",
        (run, params, key),
    )
    db.execute(_MUTATION, (mutation, run, params, key, "in_flight", None, "about to be sent"))
    db.commit()
    result = Jsonb(make_effects(names))
    db.execute(
        "INSERT INTO floor_evidence (mutation, kind, verdict, at)"
        " VALUES (%s, 'execute', 'applied', now())",
        (mutation,),
    )
    db.execute(
        "UPDATE floor_mutation SET status = 'applied', result = %s WHERE id = %s",
        (result, mutation),
    )
    db.execute(_MUTATION, (mutation, run, params, key, "applied", result, "it happened"))
    db.execute("UPDATE floor_run SET phase = 'mutated' WHERE id = %s", (run,))
    db.execute(_RUN, (run, workflow, "mutated", "active", params, "applied"))
    for event, _, name, payload in events:
        db.execute(_CONSUME, (event,))
        db.execute(_EVENT, (event, workflow, name, Jsonb(payload), "consumed", None, "consumed"))
    db.execute(
        "UPDATE floor_run SET phase = 'committed', status = 'committed' WHERE id = %s", (run,)
    )
    db.execute(_RUN, (run, workflow, "committed", "committed", params, "committed"))
    db.commit()
    return True


def _id(db: psycopg.Connection[Any], statement: str, values: tuple[Any, ...]) -> int:
    row = db.execute(statement, values).fetchone()  # type: ignore[call-overload]
    return int(row[0])


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1]) as connection:
        while True:
            if not work(connection):
                time.sleep(0.1)
