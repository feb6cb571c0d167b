"""Which messages are due: one row each, made by one worker at a time.

A place is told of what it was not told of yet, once in `gather_seconds` at most, and again of what nobody has
taken or settled for `repeat_seconds`. While a message waits to be sent, no other is made: it tells of all that is
there when it goes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from workflows_app.alerts.facts import Fact, open_facts
from workflows_app.alerts.places import Place, wanted
from workflows_app.alerts.settings import AlertSettings, alert_settings
from workflows_app.models import Alert, Workflow

#: How long messages that were sent, or dropped, are kept.
KEPT = timedelta(days=90)
#: So far ahead two looks may be.
_TOLERATED = timedelta(minutes=1)
#: The advisory lock of whoever looks: any number that nothing else here takes.
_LOCK = 0x616C657274


def look(*, now: datetime) -> int:
    """Make the messages that are due; return how many. Commits. Nothing while another worker does it."""
    limits = alert_settings()
    if not limits.are_on:
        return 0
    with transaction.atomic():
        if not _is_mine():
            return 0
        return len(Alert.objects.bulk_create(_due(limits, now)))


def forget_old(*, now: datetime) -> None:
    """Delete what was told long ago. Commits."""
    Alert.objects.filter(created_at__lt=now - KEPT).exclude(status=Alert.Status.WAITING).delete()


def _is_mine() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _due(limits: AlertSettings, now: datetime) -> list[Alert]:
    facts = open_facts(limits, now=now)
    workflows = list(Workflow.objects.filter(pk__in=facts))
    last = _last_of(workflows)
    made = []
    for workflow_id, places in (wanted(limits, workflows) if workflows else {}).items():
        for place, kinds in places.items():
            of_kinds = [fact for fact in facts[workflow_id] if fact.kind in kinds]
            if is_due(of_kinds, last.get((workflow_id, place)), limits, now):
                made.append(
                    Alert(
                        workflow_id=workflow_id,
                        channel=place.channel,
                        person_id=place.person,
                        facts=[fact.key for fact in of_kinds],
                        created_at=now,
                        next_attempt_at=now,
                    )
                )
    return made


def is_due(facts: Sequence[Fact], last: Alert | None, limits: AlertSettings, now: datetime) -> bool:
    """Tell whether a place is told of `facts` now, after the message `last`."""
    if not facts:
        return False
    if last is None:
        return True
    if last.status == Alert.Status.WAITING:
        return False
    since = now - (last.ended_at or last.created_at)
    if since < -_TOLERATED:
        # What is to come was written by a clock that was ahead.
        return True
    if since < timedelta(seconds=limits.gather_seconds):
        return False
    told = set(last.facts) if last.status == Alert.Status.SENT else set()
    has_news = not {fact.key for fact in facts} <= told
    return has_news or since >= timedelta(seconds=limits.repeat_seconds)


def _last_of(workflows: Sequence[Workflow]) -> dict[tuple[int, Place], Alert]:
    rows = (
        Alert.objects.filter(workflow__in=workflows)
        .order_by("workflow_id", "channel", "person_id", "-id")
        .distinct("workflow_id", "channel", "person_id")
    )
    return {(row.workflow_id, Place.of(row)): row for row in rows}
