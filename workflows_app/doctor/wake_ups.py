"""No wake-up is lost: what is due is found by the sweep, without any job in the queue (P2).

The host's own planner says what is due, under the workflow's lock; the lease must say so too. A
fix makes the workflow due now: the host looks, and finds what there is to do or nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction

from workflows_app.conf import policy
from workflows_app.dispatch import due_workflows
from workflows_app.doctor.check import Check, Found, Scope, Severity
from workflows_app.doctor.statements import rows, statement
from workflows_app.engine.claims import lock_workflow
from workflows_app.engine.looking import what_is_next
from workflows_app.models import LaneState, Workflow
from workflows_app.publishing import active_code
from workflows_app.waking import wake_at

#: A lease that is due this much later is not lost: clocks of several machines write it.
TOLERANCE = timedelta(minutes=1)


def _lost_wake_ups(scope: Scope) -> Iterator[Found]:
    found = Workflow.objects.filter(lease__isnull=False).order_by("pk")
    if scope.workflow_id is not None:
        found = found.filter(pk=scope.workflow_id)
    for workflow_id in found.values_list("pk", flat=True):
        with transaction.atomic():
            detail = _what_is_lost(lock_workflow(workflow_id), scope)
            # A look takes arrivals; this one was only to know.
            transaction.set_rollback(True)
        if detail:
            yield Found(workflow_id, "workflow", workflow_id, detail)


def _what_is_lost(workflow: Workflow, scope: Scope) -> str:
    """Say what the sweep would overlook, or nothing. Needs the workflow's lock."""
    if workflow.retired_at is not None:
        return ""  # Nothing of it is to be done.
    lease, code = workflow.lease, active_code(workflow)
    if code is None:
        return ""  # Only a process with its code can tell: D905 says so.
    if lease.holder:
        return ""  # Whoever holds it looks again; D803 and D811 are about holders that vanished.
    # As the next claim would see it. Whether it is due is looked at last: publishing takes no lock.
    now = scope.clock()
    due_at = lease.next_due_at
    if (due_at and due_at <= now + TOLERANCE) or workflow.pk in due_workflows(now):
        return ""  # Whoever comes writes down what it waits for.
    if workflow.status != Workflow.Status.PAUSED and not lease.listens:
        return "waits for events, but does not listen for them"
    found = what_is_next(workflow, code, token=lease.token + 1, now=now)
    if found.decisions:
        name = type(found.decisions[0]).__name__
        return f"has something to do ({name}), but nothing wakes it"
    if found.look_at and (due_at is None or due_at > found.look_at + TOLERANCE):
        return f"is due at {found.look_at:%Y-%m-%d %H:%M:%S %Z}, but nothing wakes it then"
    return ""


def _wake(found: Found, scope: Scope) -> None:
    assert found.workflow_id is not None
    with transaction.atomic():
        lock_workflow(found.workflow_id)
        wake_at(found.workflow_id, due_at=scope.clock())


def _long_untouched(scope: Scope) -> Iterator[Found]:
    yield from rows(
        """
        SELECT h.workflow_id, 'lane state' AS subject, s.id,
               concat(h.name, ' waits for another event, while ', waiting.number,
                      ' wait for it since ', waiting.since) AS detail
          FROM workflows_app_lanestate s JOIN workflows_app_handler h ON h.id = s.handler_id
         CROSS JOIN LATERAL (
               SELECT count(*) AS number, min(e.created_at) AS since
                 FROM workflows_app_topic t
                 JOIN workflows_app_event e ON e.topic_id = t.id AND e.lane = s.lane
                WHERE t.consumer_id = h.id AND e.status = 'pending') waiting
         WHERE s.arrivals_seen = s.arrivals AND s.wake_at IS NULL AND h.is_current
           AND waiting.since < %(since)s
           AND NOT EXISTS (SELECT FROM workflows_app_arrival a
                             JOIN workflows_app_topic t ON t.id = a.topic_id
                            WHERE t.consumer_id = h.id AND a.lane = s.lane)
        """,
        scope,
        since=scope.clock() - timedelta(seconds=policy().wake_max_seconds),
    )


def _look_again(found: Found, scope: Scope) -> None:
    assert found.workflow_id is not None
    with transaction.atomic():
        lock_workflow(found.workflow_id)
        # As a new version does: the consumer is offered once more what it left.
        LaneState.objects.filter(pk=found.id).update(arrivals_seen=None)
        wake_at(found.workflow_id, due_at=scope.clock())


CHECKS = [
    Check(
        id="D801",
        title="A wake-up was lost",
        meaning="Something is to be done, and no worker will ever look.",
        remedy="`manage.py doctor --fix` makes the workflow due now. That is safe: the host looks, no more.",
        find=_lost_wake_ups,
        fix=_wake,
    ),
    Check(
        id="D802",
        title="A workflow has no lease",
        meaning="No worker can claim it: nothing of it will ever be done, and no decision is possible.",
        remedy=(
            "Insert its lease, with a token above every `fencing_token` of its runs and with"
            " `next_due_at` now."
        ),
        find=statement("""
            SELECT w.id AS workflow_id, 'workflow' AS subject, w.id, 'has no lease' AS detail
              FROM workflows_app_workflow w
             WHERE NOT EXISTS (SELECT FROM workflows_app_lease l WHERE l.workflow_id = w.id)
        """),
    ),
    Check(
        id="D803",
        title="A lease is held without an end",
        meaning="If its holder dies, nobody ever takes the workflow over.",
        remedy="Set `expires_at` of the lease to now: a living holder finds its writes refused.",
        find=statement("""
            SELECT workflow_id, 'workflow' AS subject, workflow_id AS id,
                   concat('is held by "', holder, '" until ',
                          coalesce(expires_at::text, 'no known time')) AS detail
              FROM workflows_app_lease WHERE (holder <> '') <> (expires_at IS NOT NULL)
        """),
    ),
    Check(
        id="D804",
        title="Events wait long for a consumer that waits for another one",
        meaning="The consumer looked at them and took none. If it did not, a wake-up was lost.",
        remedy=(
            "`manage.py doctor --fix` lets it look once more. If it leaves them again, its `prepare`"
            " wants them so: it may return `wake_at`."
        ),
        severity=Severity.WARNING,
        find=_long_untouched,
        fix=_look_again,
    ),
]
