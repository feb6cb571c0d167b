"""`python -m tests.benchmarks.ours.fill`: a backlog, a long past, events that are held up, or workflows.

One event of each workflow or lane is published as application code does, or handled by the host; the
rest are copies of its rows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import django
from django.apps import apps
from django.db import connection, transaction

from tests.benchmarks.loads import HELD_FROM, HELD_LANES, Load, name_of

django.setup()

from tests.benchmarks.ours.workflows import SLUG, WORKFLOWS  # noqa: E402
from tests.copies import copy_events, copy_workflow  # noqa: E402
from workflows_app.models import Event, Workflow  # noqa: E402
from workflows_app.publishing import publish  # noqa: E402
from workflows_app.testing import drain  # noqa: E402

_IN_ONE_TRANSACTION = 100


#: Arrivals of all that was copied into lanes, as its publisher would have left them.
_ARRIVALS = """
    INSERT INTO workflows_app_arrival (topic_id, lane, transaction)
    SELECT DISTINCT topic_id, lane, '' FROM workflows_app_event
     WHERE status = 'pending' AND message_id BETWEEN %s AND %s AND lane <> ''
"""


def fill_events(events: int, payload_bytes: int, lanes: int, first: int) -> None:
    """Let so many events wait, in turn of all workflows and their lanes."""
    if not events:
        return
    payload = Load(payload_bytes=payload_bytes).payload
    published: list[Event] = []
    for start in range(0, len(WORKFLOWS), _IN_ONE_TRANSACTION):
        with transaction.atomic():
            published += [
                publish(
                    workflow=workflow.slug,
                    topic="work",
                    message_id=name_of(first + start + number),
                    payload=payload,
                )
                for number, workflow in enumerate(WORKFLOWS[start : start + _IN_ONE_TRANSACTION])
            ]
    copies = events // len(WORKFLOWS) - 1
    copy_events(published, copies, first=first + len(WORKFLOWS), lanes=lanes)
    if lanes:
        with connection.cursor() as cursor:
            cursor.execute(_ARRIVALS, [name_of(first), name_of(first + events - 1)])
    _analyze()


def fill_held(events: int, payload_bytes: int) -> None:
    """Let so many events wait in lanes of the first workflow, behind one whose run failed."""
    payload = Load(payload_bytes=payload_bytes).payload
    with transaction.atomic():
        for number in range(HELD_FROM, HELD_FROM + HELD_LANES):
            publish(
                workflow=WORKFLOWS[0].slug,
                topic="work",
                message_id=name_of(number),
                payload=payload,
            )
    drain(at_once=64, max_steps=2 * HELD_LANES)
    held = list(Event.objects.filter(status=Event.Status.PENDING).order_by("pk"))
    copy_events(held, events // HELD_LANES - 1, first=HELD_FROM + HELD_LANES)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def fill_past(events: int, payload_bytes: int) -> None:
    """Let so many events be finished, one every two seconds until now."""
    fill_events(len(WORKFLOWS), payload_bytes, 0, 900_000_000)
    drain()
    finished = list(Event.objects.filter(status=Event.Status.CONSUMED).order_by("pk"))
    copy_events(finished, events // len(finished), first=800_000_000, seconds_apart=32.0)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def fill_workflows(number: int) -> None:
    """Let there be so many workflows, copies of one that rests."""
    known = Workflow.objects.count()
    copy_workflow(Workflow.objects.earliest("pk"), number - known, first=known, slug=SLUG)
    _analyze()


def _analyze() -> None:
    """Let the server see what is there, as it does by itself in time, but no table that is still empty.

    Statements that were planned for a table known to be empty read all of it, however large it becomes,
    until the server looks again.
    """
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if model._meta.managed and model._default_manager.exists():
                cursor.execute(f"ANALYZE {connection.ops.quote_name(model._meta.db_table)}")


if __name__ == "__main__":
    fills: dict[str, Callable[..., None]] = {
        "events": fill_events,
        "held": fill_held,
        "past": fill_past,
        "workflows": fill_workflows,
    }
    fills[sys.argv[1]](*map(int, sys.argv[2:]))
