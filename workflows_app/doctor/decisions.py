"""Decisions of people: each has one record, and its mark in history (P4)."""

# ruff: noqa: S608 - what is put into the statements stands in this module

from __future__ import annotations

from django.db.models import Model

from workflows_app.doctor.check import Check
from workflows_app.doctor.statements import statement
from workflows_app.models import Breaker, Event, Run, Workflow
from workflows_app.operations import DECLARED
from workflows_app.operations.declaration import Change

_LOGS = "Look in the logs of the web server for that time, and ask the person."

#: A decision and its history rows are one transaction: their dates are this close.
_NEAR = "interval '10 minutes'"

_MARKED = f"""
    h.history_user_id = a.actor_id
    AND h.history_change_reason = a.reason
    AND h.history_date BETWEEN a.created_at - {_NEAR} AND a.created_at + {_NEAR}
"""

_RETRIES = f"""workflows_app_historicalrun h
    WHERE h.retry_of_id = a.run_id AND h.history_type = '+' AND {_MARKED}"""
#: Where the new status of the row stands after a decision `a`.
_ROWS: dict[type[Model], str] = {
    Event: "workflows_app_historicalevent h WHERE h.id = a.event_id",
    Run: """workflows_app_historicalrun h
        JOIN workflows_app_mutation m ON m.run_id = h.id
        JOIN workflows_app_historicalmutation d ON d.id = m.id
        WHERE h.id = a.run_id
          AND d.history_user_id = a.actor_id AND d.history_change_reason = a.reason""",
    Workflow: "workflows_app_historicalworkflow h WHERE h.id = a.workflow_id",
    Breaker: """workflows_app_historicalbreaker h
        JOIN workflows_app_handler c ON c.id = h.handler_id
        WHERE c.workflow_id = a.workflow_id""",
}

_CHANGES = [(each, each.change) for each in DECLARED if each.change is not None]


def _mark(model: type[Model], change: Change) -> str:
    """Return where history shows the change of a decision `a`."""
    if change.makes_retry:
        return _RETRIES
    if change.sets:
        return f"{_ROWS[model]} AND h.{change.sets} IS NOT NULL AND {_MARKED}"
    effect = f" AND d.status = '{change.effect}'" if change.effect else ""
    return f"{_ROWS[model]} AND h.status = '{change.after}'{effect} AND {_MARKED}"


_LEFT_A_MARK = "\n".join(
    f"WHEN '{each.code}' THEN EXISTS (SELECT FROM {_mark(each.target, change)})"
    for each, change in _CHANGES
)


def _named(model: type[Model]) -> str:
    """Return of which operation a new status `h.status` tells: of a run it is that of its outside effect."""
    return "\n".join(
        f"WHEN '{change.effect or change.after}' THEN '{each.code}'"
        for each, change in _CHANGES
        if each.target is model
        and not (change.makes_retry or change.sets or change.after in change.before)
    )


_WITHOUT_REASON = ", ".join(f"'{each.code}'" for each in DECLARED if not each.needs_reason)

CHECKS = [
    Check(
        id="D601",
        title="A decision has left no mark in history",
        meaning="A person was told that it is done, but nothing says that it was.",
        remedy=f"See whether what was decided holds; decide again if not. {_LOGS}",
        find=statement(f"""
            SELECT a.workflow_id, 'decision' AS subject, a.id,
                   concat('"', a.operation, '" on ',
                          CASE WHEN a.run_id IS NOT NULL THEN concat('run ', a.run_id)
                               WHEN a.event_id IS NOT NULL THEN concat('event ', a.event_id)
                               ELSE concat('workflow ', a.workflow_id) END,
                          ' is not in its history') AS detail
              FROM workflows_app_operatoraction a
             WHERE NOT CASE a.operation {_LEFT_A_MARK} ELSE true END
        """),
    ),
    Check(
        id="D602",
        title="What only a person decides was done without a record of the decision",
        meaning="Each decision has one entry, with the person and the reason.",
        remedy=f"The history row names the person, if any. {_LOGS}",
        find=statement(f"""
            WITH decided AS (
                SELECT t.workflow_id, 'event' AS subject, h.id, h.history_id, h.history_user_id,
                       h.history_change_reason, h.history_date,
                       'skip_event' AS operation, h.id AS event_id, NULL::bigint AS run_id
                  FROM (SELECT p.*, lag(status) OVER (PARTITION BY id ORDER BY history_id) AS before
                          FROM workflows_app_historicalevent p) h
                  JOIN workflows_app_topic t ON t.id = h.topic_id
                 WHERE h.before = 'pending' AND h.status = 'skipped'
                UNION ALL
                SELECT r.workflow_id, 'mutation', h.id, h.history_id, h.history_user_id,
                       h.history_change_reason, h.history_date,
                       CASE h.status {_named(Run)} END, NULL, h.run_id
                  FROM (SELECT p.*, lag(status) OVER (PARTITION BY id ORDER BY history_id) AS before
                          FROM workflows_app_historicalmutation p) h
                  JOIN workflows_app_run r ON r.id = h.run_id
                 WHERE (h.before = 'indeterminate' AND h.status <> 'indeterminate'
                    -- A person had the outside system asked, and that settled it.
                        AND h.resolved_by <> 'reconcile')
                    -- The host gives up without a person.
                    OR (h.before = 'needs_reconcile' AND h.status = 'indeterminate'
                        AND h.history_user_id IS NOT NULL)
                UNION ALL
                SELECT h.id, 'workflow', h.id, h.history_id, h.history_user_id,
                       h.history_change_reason, h.history_date,
                       CASE h.status {_named(Workflow)} END, NULL, NULL
                  FROM (SELECT p.*, lag(status) OVER (PARTITION BY id ORDER BY history_id) AS before
                          FROM workflows_app_historicalworkflow p) h
                 WHERE h.before <> h.status
                UNION ALL
                SELECT h.id, 'workflow', h.id, h.history_id, h.history_user_id,
                       h.history_change_reason, h.history_date, 'retire_workflow', NULL, NULL
                  FROM (SELECT p.*, lag(retired_at) OVER (PARTITION BY id ORDER BY history_id) AS before
                          FROM workflows_app_historicalworkflow p) h
                 WHERE h.before IS NULL AND h.retired_at IS NOT NULL
                UNION ALL
                SELECT c.workflow_id, 'breaker', h.id, h.history_id, h.history_user_id,
                       h.history_change_reason, h.history_date, 'close_breaker', NULL, NULL
                  FROM (SELECT p.*, lag(status) OVER (PARTITION BY id ORDER BY history_id) AS before
                          FROM workflows_app_historicalbreaker p) h
                  JOIN workflows_app_handler c ON c.id = h.handler_id
                 -- A definite answer closes it without a person.
                 WHERE h.before <> h.status AND h.history_user_id IS NOT NULL
            )
            SELECT h.workflow_id, h.subject, h.id,
                   concat('"', h.operation, '" is in history row ', h.history_id,
                          ', but not among the decisions') AS detail
              FROM decided h
             WHERE NOT EXISTS (
                   SELECT FROM workflows_app_operatoraction a
                    WHERE a.workflow_id = h.workflow_id AND a.operation = h.operation
                      AND a.event_id IS NOT DISTINCT FROM h.event_id
                      AND a.run_id IS NOT DISTINCT FROM h.run_id
                      AND {_MARKED})
        """),
    ),
    Check(
        id="D603",
        title="A decision has no reason",
        meaning="A person decides with a reason, or not at all.",
        remedy=_LOGS,
        find=statement(f"""
            SELECT workflow_id, 'decision' AS subject, id,
                   concat('"', operation, '" has no reason') AS detail
              FROM workflows_app_operatoraction
             WHERE btrim(reason) = '' AND operation NOT IN ({_WITHOUT_REASON})
        """),
    ),
]
