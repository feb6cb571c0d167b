"""History: a row for every change, in order, and none that was changed afterwards (P4).

The order is that of `history_id`, which is given under the lock of the changed row. Dates come from
the clocks of several machines.
"""

# ruff: noqa: S608 - the names in the statements are those of the models

from __future__ import annotations

from collections.abc import Callable, Iterator

from workflows_app.doctor.check import Check, Found, Scope, Severity
from workflows_app.doctor.statements import rows
from workflows_app.doctor.tracked import TRACKED, Tracked

_PAST_THE_MODELS = "Something wrote past the models. Look at the rows before and after, and in the logs of that time."
#: Clocks of well kept machines differ by less.
CLOCK_TOLERANCE = "1 second"


def _each(find: Callable[[Tracked, Scope], Iterator[Found]]) -> Callable[[Scope], Iterator[Found]]:
    def find_all(scope: Scope) -> Iterator[Found]:
        for tracked in TRACKED:
            yield from find(tracked, scope)

    return find_all


def _without_beginning(tracked: Tracked, scope: Scope) -> Iterator[Found]:
    yield from rows(
        f"""
        SELECT {tracked.workflow} AS workflow_id, '{tracked.name}' AS subject, h.id,
               CASE WHEN first_type IS NULL THEN 'has no history'
                    ELSE concat('has a history that begins with "', first_type, '"') END AS detail
          FROM {tracked.table} h
          LEFT JOIN LATERAL (SELECT p.history_type AS first_type FROM {tracked.history_table} p
                              WHERE p.id = h.id ORDER BY p.history_id LIMIT 1) p ON true
         WHERE first_type IS DISTINCT FROM '+'
        UNION ALL
        SELECT {tracked.workflow}, '{tracked.name}', h.id, 'was created more than once'
          FROM {tracked.table} h
         WHERE h.id IN (SELECT id FROM {tracked.history_table} WHERE history_type = '+'
                         GROUP BY id HAVING count(*) > 1)
        """,
        scope,
    )


def _other_than_now(tracked: Tracked, scope: Scope) -> Iterator[Found]:
    differing = ", ".join(
        f"CASE WHEN h.{column} IS DISTINCT FROM p.{column} THEN '{column}' END"
        for column in tracked.columns
    )
    now = ", ".join(f"h.{column}" for column in tracked.columns)
    then = ", ".join(f"p.{column}" for column in tracked.columns)
    yield from rows(
        f"""
        SELECT {tracked.workflow} AS workflow_id, '{tracked.name}' AS subject, h.id,
               concat('differs from its last history row in ',
                      concat_ws(', ', {differing})) AS detail
          FROM {tracked.table} h
         CROSS JOIN LATERAL (SELECT * FROM {tracked.history_table} p
                              WHERE p.id = h.id ORDER BY p.history_id DESC LIMIT 1) p
         WHERE ({now}) IS DISTINCT FROM ({then})
        """,
        scope,
    )


def _impossible_steps(tracked: Tracked, scope: Scope) -> Iterator[Found]:
    for machine in tracked.machines:
        field = machine.field
        steps = ", ".join(f"('{a}', '{b}')" for a, b in sorted(tracked.steps(machine)))
        initial = ", ".join(f"'{state}'" for state in machine.initial)
        yield from rows(
            f"""
            SELECT {tracked.workflow} AS workflow_id, '{tracked.name}' AS subject, h.id,
                   CASE WHEN h.before IS NULL
                        THEN concat('began with {field} ', h.{field}, ' in history row ',
                                    h.history_id)
                        ELSE concat('went from {field} ', h.before, ' to ', h.{field},
                                    ' in history row ', h.history_id) END AS detail
              FROM (SELECT p.*, lag({field}) OVER (PARTITION BY id ORDER BY history_id) AS before
                      FROM {tracked.history_table} p) h
             WHERE CASE WHEN h.before IS NULL THEN h.{field} NOT IN ({initial})
                        ELSE (h.before, h.{field}) NOT IN ({steps}) END
            """,
            scope,
        )


def _rewritten(tracked: Tracked, scope: Scope) -> Iterator[Found]:
    changed = [(column, f"h.{column} IS DISTINCT FROM before_{column}") for column in tracked.fixed]
    changed += [
        (column, f"before_{column}::text <> '' AND h.{column} IS DISTINCT FROM before_{column}")
        for column in tracked.set_once
    ]
    named = ", ".join(f"CASE WHEN {condition} THEN '{column}' END" for column, condition in changed)
    any_changed = " OR ".join(f"({condition})" for _, condition in changed)
    columns = (*tracked.fixed, *tracked.set_once)
    before = ", ".join(f"lag({column}) OVER steps AS before_{column}" for column in columns)
    yield from rows(
        f"""
        SELECT {tracked.workflow} AS workflow_id, '{tracked.name}' AS subject, h.id,
               concat('changed ', concat_ws(', ', {named}), ' in history row ',
                      h.history_id) AS detail
          FROM (SELECT id, history_id, {", ".join(columns)}, {before},
                       lag(history_id) OVER steps AS before
                  FROM {tracked.history_table}
                WINDOW steps AS (PARTITION BY id ORDER BY history_id)) h
         WHERE h.before IS NOT NULL AND ({any_changed})
        """,
        scope,
    )


def _published_late(scope: Scope) -> Iterator[Found]:
    yield from rows(
        """
        SELECT t.workflow_id, 'event' AS subject, h.id,
               concat('got another payload in history row ', h.history_id, ', as ', h.status,
                      ' and with revision ', h.revision) AS detail
          FROM (SELECT id, history_id, topic_id, status, revision,
                       md5(payload::text) AS digest,
                       lag(md5(payload::text)) OVER steps AS digest_before,
                       lag(status) OVER steps AS status_before,
                       lag(revision) OVER steps AS revision_before
                  FROM workflows_app_historicalevent
                WINDOW steps AS (PARTITION BY id ORDER BY history_id)) h
          JOIN workflows_app_topic t ON t.id = h.topic_id
         WHERE h.status_before IS NOT NULL AND h.digest IS DISTINCT FROM h.digest_before
           AND NOT (h.status = 'pending' AND h.status_before = 'pending'
                    AND h.revision = h.revision_before + 1)
        """,
        scope,
    )


def _deleted(tracked: Tracked, scope: Scope) -> Iterator[Found]:
    yield from rows(
        f"""
        SELECT DISTINCT {tracked.workflow} AS workflow_id, '{tracked.name}' AS subject, h.id,
               'is in history, but not there any more' AS detail
          FROM {tracked.history_table} h
         WHERE NOT EXISTS (SELECT FROM {tracked.table} r WHERE r.id = h.id)
        """,
        scope,
    )


def _unexplained(tracked: Tracked, scope: Scope) -> Iterator[Found]:
    yield from rows(
        f"""
        SELECT {tracked.workflow} AS workflow_id, '{tracked.name}' AS subject, h.id,
               concat('was changed without a reason in history row ', h.history_id) AS detail
          FROM {tracked.history_table} h
         WHERE h.history_type = '~' AND coalesce(h.history_change_reason, '') = ''
        """,
        scope,
    )


def _back_in_time(tracked: Tracked, scope: Scope) -> Iterator[Found]:
    yield from rows(
        f"""
        SELECT {tracked.workflow} AS workflow_id, '{tracked.name}' AS subject, h.id,
               concat('history row ', h.history_id, ' is dated ', h.history_date,
                      ', after a row of ', h.before) AS detail
          FROM (SELECT p.*, lag(history_date) OVER (PARTITION BY id ORDER BY history_id) AS before
                  FROM {tracked.history_table} p) h
         WHERE h.history_date < h.before - interval '{CLOCK_TOLERANCE}'
        """,
        scope,
    )


CHECKS = [
    Check(
        id="D501",
        title="The history of a row does not begin with its creation",
        meaning="Who made it, when and why, is not known.",
        remedy=_PAST_THE_MODELS,
        find=_each(_without_beginning),
    ),
    Check(
        id="D502",
        title="A row is other than its last history row says",
        meaning="It was changed without history: who, when and why is not known.",
        remedy=_PAST_THE_MODELS,
        find=_each(_other_than_now),
    ),
    Check(
        id="D503",
        title="A row took a step that its states do not allow",
        meaning="Its state was changed past the transitions, or a history row is missing in between.",
        remedy=_PAST_THE_MODELS,
        find=_each(_impossible_steps),
    ),
    Check(
        id="D504",
        title="What is written once was changed",
        meaning="The identity of a row, or what was sent outside, is not what it was.",
        remedy=_PAST_THE_MODELS,
        find=_each(_rewritten),
    ),
    Check(
        id="D505",
        title="The payload of an event changed when it was no longer pending",
        meaning="What a run prepared and sent is not what its event says.",
        remedy=_PAST_THE_MODELS,
        find=_published_late,
    ),
    Check(
        id="D506",
        title="A row that has a history was deleted",
        meaning="Nothing of the ledger is ever deleted.",
        remedy="Restore the row from a backup; its last history row says how it was.",
        find=_each(_deleted),
    ),
    Check(
        id="D507",
        title="A change has no reason",
        meaning="Every change says why it was made.",
        remedy=_PAST_THE_MODELS,
        find=_each(_unexplained),
    ),
    Check(
        id="D508",
        title="A history row is dated before the one it follows",
        meaning="The order holds, but the dates can't be relied on.",
        remedy="Set the clocks of all machines by the network (NTP).",
        severity=Severity.WARNING,
        find=_each(_back_in_time),
    ),
]
