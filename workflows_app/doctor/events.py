"""Events and reservations: no event is lost, none is taken twice (P2)."""

from __future__ import annotations

from workflows_app.doctor.check import Check
from workflows_app.doctor.statements import statement

_BY_HAND = "Find in the history of the event and of the run what was written last, and by whom."

CHECKS = [
    Check(
        id="D201",
        title="A reserved event is held by a run that will not finish it",
        meaning=(
            "Only an open run past its checkpoint holds events, one of which only `next` is missing,"
            " or one that died before it did again what a person said did not happen."
        ),
        remedy=f"Nothing will come for this event by itself. {_BY_HAND}",
        find=statement("""
            SELECT r.workflow_id, 'event' AS subject, e.id,
                   concat('is reserved by run ', r.id, ', which is ', r.status,
                          ' in phase ', r.phase) AS detail
              FROM workflows_app_event e
              JOIN run_and_outcome r ON r.id = e.reserved_by_id
             WHERE e.status = 'reserved'
               AND (
                       (r.is_open AND r.phase <> 'preparing')
                    OR (r.owes_retry AND r.only_next)
                    OR (r.owes_retry AND r.status = 'crashed' AND r.took_over)
                   ) IS NOT TRUE
        """),
    ),
    Check(
        id="D202",
        title="A reserved event has no reservation of its run",
        meaning="The run would consume what it never reserved.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT t.workflow_id, 'event' AS subject, e.id,
                   concat('is reserved by run ', e.reserved_by_id, ' without a reservation') AS detail
              FROM workflows_app_event e
              JOIN workflows_app_topic t ON t.id = e.topic_id
             WHERE e.status = 'reserved'
               AND NOT EXISTS (SELECT FROM workflows_app_reservation v
                                WHERE v.event_id = e.id AND v.run_id = e.reserved_by_id)
        """),
    ),
    Check(
        id="D203",
        title="An unfinished run no longer holds an event that it reserved",
        meaning="The event could be taken a second time, or is gone when the run commits.",
        remedy=f"Pause the workflow before anything else happens. {_BY_HAND}",
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('reserved event ', e.id, ', which is ', e.status,
                          CASE WHEN e.reserved_by_id IS NOT NULL
                               THEN concat(' by run ', e.reserved_by_id) END) AS detail
              FROM run_and_outcome r
              JOIN workflows_app_reservation v ON v.run_id = r.id
              JOIN workflows_app_event e ON e.id = v.event_id
             WHERE (r.is_open
                    OR (r.owes_retry AND r.only_next)
                    OR (r.owes_retry AND r.status = 'crashed' AND r.took_over))
               AND CASE WHEN r.outcome = 'skipped' THEN e.status = 'skipped'
                        ELSE e.status = 'reserved' AND e.reserved_by_id = r.id END IS NOT TRUE
        """),
    ),
    Check(
        id="D204",
        title="A consumed event has no committed run that reserved it",
        meaning="The event counts as done, but nothing was done with it.",
        remedy=f"The event is final: what it asked for must be done by hand or published anew. {_BY_HAND}",
        find=statement("""
            SELECT t.workflow_id, 'event' AS subject, e.id,
                   'is consumed, but no run that reserved it committed' AS detail
              FROM workflows_app_event e
              JOIN workflows_app_topic t ON t.id = e.topic_id
             WHERE e.status = 'consumed'
               AND NOT EXISTS (SELECT FROM workflows_app_reservation v
                                 JOIN workflows_app_run r ON r.id = v.run_id
                                WHERE v.event_id = e.id AND r.status = 'committed')
        """),
    ),
    Check(
        id="D205",
        title="An event was finished by more than one run",
        meaning="What follows from the event was published or done more than once.",
        remedy="Compare what the runs published and did outside; undo by hand what is too much.",
        find=statement("""
            SELECT t.workflow_id, 'event' AS subject, e.id,
                   concat('was finished by runs ',
                          string_agg(r.id::text, ', ' ORDER BY r.id)) AS detail
              FROM workflows_app_event e
              JOIN workflows_app_topic t ON t.id = e.topic_id
              JOIN workflows_app_reservation v ON v.event_id = e.id
              JOIN workflows_app_run r ON r.id = v.run_id
             WHERE r.status = 'committed'
             GROUP BY t.workflow_id, e.id
            HAVING count(*) > 1
        """),
    ),
    Check(
        id="D206",
        title="A committed run left an event that is not finished as the ledger says",
        meaning=(
            "Events of a committed run are consumed; they are skipped if, and only if, its outside"
            " effect was skipped."
        ),
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'event' AS subject, e.id,
                   concat('is ', e.status, ', though run ', r.id, ' committed with outcome ',
                          coalesce(r.outcome, 'none')) AS detail
              FROM run_and_outcome r
              JOIN workflows_app_reservation v ON v.run_id = r.id
              JOIN workflows_app_event e ON e.id = v.event_id
             WHERE r.status = 'committed'
               AND e.status <> CASE WHEN r.outcome = 'skipped' THEN 'skipped' ELSE 'consumed' END
        """),
    ),
    Check(
        id="D207",
        title="An event is skipped without anybody's decision",
        meaning="Only a person skips: the event itself, or the run that held it.",
        remedy="The event is final. Ask whether it was meant; publish it anew under another message_id if not.",
        find=statement("""
            SELECT t.workflow_id, 'event' AS subject, e.id,
                   'is skipped, but neither it nor a run that held it was skipped by a person' AS detail
              FROM workflows_app_event e
              JOIN workflows_app_topic t ON t.id = e.topic_id
             WHERE e.status = 'skipped'
               AND NOT EXISTS (SELECT FROM workflows_app_operatoraction a
                                WHERE a.event_id = e.id AND a.operation = 'skip_event')
               AND NOT EXISTS (SELECT FROM workflows_app_reservation v
                                 JOIN workflows_app_operatoraction a ON a.run_id = v.run_id
                                WHERE v.event_id = e.id AND a.operation = 'skip_run')
        """),
    ),
    Check(
        id="D208",
        title="A reservation that the event's history does not show",
        meaning="A run is told to have reserved what it never held.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT r.workflow_id, 'reservation' AS subject, v.id,
                   concat('of event ', v.event_id, ' by run ', r.id,
                          ': the event was never reserved by that run') AS detail
              FROM workflows_app_reservation v
              JOIN run_and_outcome r ON r.id = v.run_id
             WHERE (r.own_id IS NULL AND r.outcome = 'skipped') IS NOT TRUE
               AND NOT EXISTS (SELECT FROM workflows_app_historicalevent h
                                WHERE h.id = v.event_id AND h.status = 'reserved'
                                  AND h.reserved_by_id = v.run_id)
        """),
    ),
    Check(
        id="D209",
        title="An event was reserved, but no reservation was kept",
        meaning="What the run did can't be followed back to the event.",
        remedy=_BY_HAND,
        find=statement("""
            SELECT DISTINCT t.workflow_id, 'event' AS subject, h.id,
                   concat('was reserved by run ', h.reserved_by_id,
                          ', which has no reservation of it') AS detail
              FROM workflows_app_historicalevent h
              JOIN workflows_app_topic t ON t.id = h.topic_id
             WHERE h.status = 'reserved'
               AND NOT EXISTS (SELECT FROM workflows_app_reservation v
                                WHERE v.event_id = h.id AND v.run_id = h.reserved_by_id)
        """),
    ),
]
