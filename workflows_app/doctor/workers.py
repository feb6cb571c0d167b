"""Workers and their jobs: whether anybody does what is due. All of it mends itself once one runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models.functions import Now
from django.utils import timezone

from workflows_app.conf import policy
from workflows_app.doctor.check import Check, Found, Scope, Severity
from workflows_app.doctor.statements import rows
from workflows_app.engine.drift import TOLERATED_SECONDS, seconds_ahead, this_machine
from workflows_app.models import MachineClock
from workflows_app.models.clocks import SEEN_LATELY, database_now
from workflows_app.queries.health import OVERDUE_AFTER

_RUN_A_WORKER = (
    "See that `manage.py run_worker` runs somewhere, with the active version of the code."
)

#: The `workflow_id` of a job `j` of the host, if it has one.
_WORKFLOW_OF_JOB = (
    "CASE WHEN j.task_name = 'workflows_app.advance' THEN (j.args->>'workflow_id')::bigint END"
)


def _vanished_holders(scope: Scope) -> Iterator[Found]:
    yield from rows(
        """
        SELECT workflow_id, 'workflow' AS subject, workflow_id AS id,
               concat('is held by "', holder, '", whose claim was over at ', expires_at) AS detail
          FROM workflows_app_lease
         WHERE holder <> '' AND expires_at < statement_timestamp() - %(tolerance)s
        """,
        scope,
        tolerance=OVERDUE_AFTER,
    )


def _overdue(scope: Scope) -> Iterator[Found]:
    yield from rows(
        """
        SELECT workflow_id, 'workflow' AS subject, workflow_id AS id,
               concat('is due since ', next_due_at) AS detail
          FROM workflows_app_lease WHERE holder = '' AND next_due_at < %(before)s
        """,
        scope,
        before=scope.clock() - OVERDUE_AFTER,
    )


def _stalled_jobs(scope: Scope) -> Iterator[Found]:
    yield from rows(
        f"""
        SELECT {_WORKFLOW_OF_JOB} AS workflow_id, 'job' AS subject, j.id,
               concat('of task ', j.task_name, ' is held by ',
                      CASE WHEN w.id IS NULL THEN 'no worker'
                           ELSE concat('worker ', w.id, ', last seen at ', w.last_heartbeat)
                           END) AS detail
          FROM procrastinate_jobs j
          LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
         WHERE j.status = 'doing' AND j.task_name LIKE 'workflows\\_app.%%'
           AND (w.id IS NULL OR w.last_heartbeat < statement_timestamp() - %(tolerance)s)
        """,  # noqa: S608 - a text of this module
        scope,
        tolerance=timedelta(seconds=policy().stalled_after_seconds) + OVERDUE_AFTER,
    )


def _failed_jobs(scope: Scope) -> Iterator[Found]:
    yield from rows(
        f"""
        SELECT {_WORKFLOW_OF_JOB} AS workflow_id, 'job' AS subject, j.id,
               concat('of task ', j.task_name, ' failed') AS detail
          FROM procrastinate_jobs j
         WHERE j.status = 'failed' AND j.task_name LIKE 'workflows\\_app.%%'
        """,  # noqa: S608 - a text of this module
        scope,
    )


def _clocks_that_differ(scope: Scope) -> Iterator[Found]:
    here = this_machine()
    asked_at = timezone.now()
    database = database_now()
    seconds = seconds_ahead(database, asked_at=asked_at, answered_at=timezone.now())
    if abs(seconds) > TOLERATED_SECONDS:
        yield Found(None, "machine", here, f"is {_difference(seconds)}")
    seen = MachineClock.objects.filter(seen_at__gte=Now() - SEEN_LATELY).order_by("machine")
    for known in seen.exclude(machine=here):
        when = f"{known.seen_at:%Y-%m-%d %H:%M:%S %Z}"
        told = f"was {_difference(known.seconds_ahead)} when a worker looked at {when}"
        yield Found(None, "machine", known.machine, told)


def _difference(seconds: float) -> str:
    return f"{abs(seconds):.1f} s {'ahead' if seconds > 0 else 'behind'}"


CHECKS = [
    Check(
        id="D811",
        title="A worker vanished, and no other one has taken its workflow over",
        meaning="Whoever held it is gone or hangs. The sweep of any worker finds it.",
        remedy=_RUN_A_WORKER,
        severity=Severity.WARNING,
        find=_vanished_holders,
    ),
    Check(
        id="D812",
        title="A workflow is due, and no worker comes",
        meaning="Nothing is lost, but nothing is done.",
        remedy=_RUN_A_WORKER,
        severity=Severity.WARNING,
        find=_overdue,
    ),
    Check(
        id="D813",
        title="A job is held by a worker that is gone",
        meaning="It holds the workflow's place in the queue until the sweep of any worker clears it away.",
        remedy=_RUN_A_WORKER,
        severity=Severity.WARNING,
        find=_stalled_jobs,
    ),
    Check(
        id="D814",
        title="A job failed",
        meaning="The host itself went wrong there. The sweep makes another job; no work is lost.",
        remedy="The log of the worker has the error. Delete the job when that is settled.",
        severity=Severity.WARNING,
        find=_failed_jobs,
    ),
    Check(
        id="D815",
        title="A machine's clock differs from the database's",
        meaning="Nothing is decided by it, but its log lines and handlers have other times than the ledger.",
        remedy=(
            "Set the machine's clock. Its workers see that at once; what was seen on a machine that has"
            " none any more is forgotten after 20 minutes."
        ),
        severity=Severity.WARNING,
        find=_clocks_that_differ,
    ),
]
