"""Waking the host: a job for the workflow, once the transaction that made work has committed.

The job is only the fast way. What is owed is durable without it, as an arrival or as the lease's
`next_due_at`, and the sweep finds it: a job lost between commit and here costs seconds, no work.
Deferring after the commit, not in it, has a reason: a job of the same `queueing_lock` may start
before a slow transaction commits, and find nothing; a job deferred after the commit can't.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection, transaction
from procrastinate import App
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.settings import settings
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from psycopg.errors import LockNotAvailable

from workflows_app.boundaries import Boundary, reached
from workflows_app.models import Lease
from workflows_app.models.rows import Tuples
from workflows_app.outages import sqlstate_of

logger = logging.getLogger("workflows_app")

QUEUE = "workflows"
ADVANCE_TASK = "workflows_app.advance"
#: How the database knows the transactions of workers, and of whoever wakes them.
SESSION_NAME = "workflows worker"
#: How long to wait for another session that is about to put the same job into the queue.
PATIENCE_SECONDS = 5.0
#: The job may be lost in a crash of the database: the sweep finds the work.
_SESSION = """
    SELECT set_config('synchronous_commit', 'off', true), set_config('lock_timeout', $1, true),
           set_config('application_name', $2, true)
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
    """Record durably that the workflow is due at `due_at`, and wake it.

    Needs an open transaction that holds the workflow's row lock.
    """
    Lease.objects.filter(pk=workflow_id).update(next_due_at=due_at)
    wake(workflow_id)


def defer_advance(workflow_id: int) -> bool:
    """Put a job for the workflow into the queue, now. Return False if one waits there already.

    Nor is one put there while another session has been about to do so for long: its process may be
    suspended, and only a sweep that does not wait for it ends such a session. The sweep tries again.
    """
    try:
        with transaction.atomic():
            Tuples(_SESSION, [f"{PATIENCE_SECONDS:g}s", SESSION_NAME]).execute()
            _queue().configure_task(
                ADVANCE_TASK,
                queue=QUEUE,
                lock=f"workflow:{workflow_id}",
                queueing_lock=f"workflow:{workflow_id}",
            ).defer(workflow_id=workflow_id)
    except AlreadyEnqueued:
        return False
    except ConnectorException as error:
        if sqlstate_of(error) != LockNotAvailable.sqlstate:
            raise
        logger.warning("job.held_up workflow=%s", workflow_id)
        return False
    return True


@lru_cache(maxsize=1)
def _queue() -> App:
    """Return the queue on Django's own connection, in workers too, where the app has another."""
    alias: str = settings.DATABASE_ALIAS
    return app.with_connector(DjangoConnector(alias=alias))


@dataclass(frozen=True)
class _Deferral:
    """An on-commit callback that can be told from others."""

    workflow_id: int

    def __call__(self) -> None:
        reached(Boundary.UNANNOUNCED)
        defer_advance(self.workflow_id)
