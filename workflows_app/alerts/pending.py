"""Since when the oldest event of a workflow waits: from the lanes' own notes, not from a million events.

What a lane knows of its oldest event it learns when the host looks. For events that came since then, and for
those whose lane nobody has named yet, there is an index each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection

from workflows_app.alerts.settings import AlertSettings
from workflows_app.models import Event, Workflow

_OLDEST = """
    SELECT h.workflow_id, min(s.oldest_pending)
      FROM workflows_app_lanestate s JOIN workflows_app_handler h ON h.id = s.handler_id
     WHERE s.oldest_pending IS NOT NULL AND h.workflow_id = ANY(%(workflows)s)
     GROUP BY 1
    UNION ALL
    SELECT t.workflow_id, min((SELECT min(e.id + 0) FROM workflows_app_event e
                                WHERE e.topic_id = a.topic_id AND e.lane = a.lane
                                  AND e.status = 'pending'))
      FROM (SELECT DISTINCT topic_id, lane FROM workflows_app_arrival WHERE lane IS NOT NULL) a
      JOIN workflows_app_topic t ON t.id = a.topic_id
     WHERE t.consumer_id IS NOT NULL AND t.workflow_id = ANY(%(workflows)s)
     GROUP BY 1
    UNION ALL
    SELECT t.workflow_id, min(e.id)
      FROM workflows_app_topic t JOIN workflows_app_event e ON e.topic_id = t.id
     WHERE e.status = 'pending' AND e.lane IS NULL
       AND t.consumer_id IS NOT NULL AND t.workflow_id = ANY(%(workflows)s)
     GROUP BY 1
"""


def pending_too_long(
    limits: AlertSettings, *, now: datetime, workflow_id: int | None = None
) -> dict[int, datetime]:
    """Return since when the oldest event of each workflow is pending that is above its limit. Three queries.

    What a paused workflow has is pending because a person wants that.
    """
    if not limits.oldest_pending_seconds:
        return {}
    rows = Workflow.objects.filter(status=Workflow.Status.ACTIVE)
    if workflow_id is not None:
        rows = rows.filter(pk=workflow_id)
    limited = {
        pk: timedelta(seconds=most)
        for pk, slug in rows.values_list("pk", "slug")
        if (most := limits.pending_limit(slug)) is not None
    }
    oldest = _oldest(limited)
    pending = Event.objects.filter(pk__in=oldest, status=Event.Status.PENDING)
    since: dict[int, datetime] = {}
    for pk, at in pending.values_list("pk", "created_at"):
        workflow = oldest[pk]
        if now - at >= limited[workflow]:
            since[workflow] = min(at, since.get(workflow, at))
    return since


def _oldest(limited: Mapping[int, timedelta]) -> dict[int, int]:
    """Return the ids of events, the oldest of each workflow among them, with their workflows."""
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST, {"workflows": list(limited)})
        return {event: workflow for workflow, event in cursor.fetchall() if event is not None}
