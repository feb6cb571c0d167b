"""Waking the host: a job for the workflow, once the transaction that made work has committed.

The job is only the fast way. What is owed is durable without it, as an arrival or as the lease's
`next_due_at`, and the sweep finds it: a job lost between commit and here costs seconds, no work.
Deferring after the commit, not in it, has a reason: a job of the same `queueing_lock` may start
before a slow transaction commits, and find nothing; a job deferred after the commit can't.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from workflows_app.boundaries import Boundary, reached
from workflows_app.models import Lease
from workflows_app.models.rows import Tuples

logger = logging.getLogger("workflows_app")

QUEUE = "workflows"
ADVANCE_TASK = "workflows_app.advance"
#: How the database knows the transactions of workers, and of whoever wakes them.
SESSION_NAME = "workflows worker"
#: Where the number of a workflow is told that has something to do: whoever holds it hears that, also while a job
#: for it waits already.
WAKE_CHANNEL = "workflows_app_wake"
#: How long to wait for another session that is about to put the same job into the queue.
PATIENCE_SECONDS = 5.0
#: Its job may be lost in a crash of the database: the sweep finds the work. The queue's own function would break
#: the transaction if such a job waits already.
_DEFER = """
    WITH put AS (
         INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
         SELECT $1, $2, lock, lock, jsonb_build_object('workflow_id', $3::bigint)
           FROM (SELECT 'workflow:' || $3::bigint AS lock, set_config('lock_timeout', $4, true),
                        set_config('synchronous_commit', 'off', true),
                        set_config('application_name', $5, true)) wanted
         ON CONFLICT (queueing_lock) WHERE status = 'todo' DO NOTHING RETURNING id)
    SELECT (SELECT count(*) FROM put), pg_notify($6, $3::text)
"""


def wake(workflow_id: int) -> None:
    """Have some worker look at the workflow after the current transaction commits."""
    deferral = _Deferral(workflow_id)
    mine = set(connection.savepoint_ids)
    for entry in connection.run_on_commit:
        savepoints, callback = entry[0], entry[1]
        # An entry of no other savepoints than ours survives whenever ours would.
        if callback == deferral and savepoints <= mine:
            return
    transaction.on_commit(deferral, robust=True)


def wake_at(workflow_id: int, *, due_at: object) -> None:
    """Record durably that the workflow is due at `due_at`, and wake it; not one that is retired: nobody would come.

    Needs an open transaction that holds the workflow's row lock.
    """
    lease = Lease.objects.filter(pk=workflow_id, workflow__retired_at=None)
    if lease.update(next_due_at=due_at):
        wake(workflow_id)


def defer_advance(workflow_id: int) -> bool:
    """Put a job for the workflow into the queue, now. Return False if one waits there already.

    Nor is one put there while a transaction of another session holds the same job for long. The sweep tries again.
    """
    patience = f"{PATIENCE_SECONDS:g}s"
    values = (QUEUE, ADVANCE_TASK, workflow_id, patience, SESSION_NAME, WAKE_CHANNEL)
    # A statement by itself is a transaction; within one, what fails must not break it.
    is_alone = connection.get_autocommit()
    try:
        with nullcontext() if is_alone else transaction.atomic():
            [(jobs, _)] = Tuples(_DEFER, values).read()
            return bool(jobs)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        logger.warning("job.held_up workflow=%s", workflow_id)
        return False


@dataclass(frozen=True)
class _Deferral:
    """An on-commit callback that can be told from others."""

    workflow_id: int

    def __call__(self) -> None:
        reached(Boundary.UNANNOUNCED)
        defer_advance(self.workflow_id)
