"""From any input to all that came of it, and back: no link is missing, none crosses workflows (P5)."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, Model

from workflows_app.doctor.check import Check, Found, Scope
from workflows_app.doctor.statements import statement
from workflows_app.models import (
    Event,
    EventInput,
    OperatorAction,
    Reservation,
    Run,
    Topic,
    Workflow,
)
from workflows_app.names import code_name

#: A link, and the two ways from it that must lead to the same workflow.
_LINKS: list[tuple[type[Model], str, str]] = [
    (Workflow, "pk", "active_version__workflow"),
    (Topic, "workflow", "consumer__workflow"),
    (Event, "topic__workflow", "created_by__workflow"),
    (Event, "topic__workflow", "reserved_by__workflow"),
    (EventInput, "event__topic__workflow", "input__workflow"),
    (Reservation, "event__topic__workflow", "run__workflow"),
    (Run, "workflow", "handler__workflow"),
    (Run, "workflow", "version__workflow"),
    (Run, "workflow", "retry_of__workflow"),
    (Run, "workflow", "carried_mutation__run__workflow"),
    (OperatorAction, "workflow", "event__topic__workflow"),
    (OperatorAction, "workflow", "run__workflow"),
]


def _across_workflows(scope: Scope) -> Iterator[Found]:
    for model, one, other in _LINKS:
        linked = model._base_manager.filter(**{f"{other}__isnull": False})
        found = linked.exclude(**{one: F(other)}).order_by("pk")
        if scope.workflow_id is not None:
            found = found.filter(**{one: scope.workflow_id})
        for pk, here, there in found.values_list("pk", one, other).iterator():
            what = other.removesuffix("__workflow").replace("__", " of ")
            detail = f"is of workflow {here}, but its {what} of workflow {there}"
            yield Found(here, code_name(model), pk, detail)


CHECKS = [
    Check(
        id="D701",
        title="An event came of nothing",
        meaning="Every event has an input as its cause; without one it can't be followed back.",
        remedy="Its history says who published it. Register the input, and publish the event again with it.",
        find=statement("""
            SELECT t.workflow_id, 'event' AS subject, e.id, 'has no input' AS detail
              FROM workflows_app_event e
              JOIN workflows_app_topic t ON t.id = e.topic_id
             WHERE NOT EXISTS (SELECT FROM workflows_app_eventinput c WHERE c.event_id = e.id)
        """),
    ),
    Check(
        id="D702",
        title="An event has not the causes of the run that published it",
        meaning="What a run publishes came of what it reserved.",
        remedy="Its history says who published it. Look whether inputs were lost.",
        find=statement("""
            SELECT t.workflow_id, 'event' AS subject, e.id,
                   concat('was published by run ', e.created_by_id,
                          ', but came of none of its inputs') AS detail
              FROM workflows_app_event e
              JOIN workflows_app_topic t ON t.id = e.topic_id
             WHERE EXISTS (SELECT FROM workflows_app_reservation v WHERE v.run_id = e.created_by_id)
               AND NOT EXISTS (SELECT FROM workflows_app_eventinput c
                                 JOIN workflows_app_eventinput i ON i.input_id = c.input_id
                                 JOIN workflows_app_reservation v ON v.event_id = i.event_id
                                WHERE c.event_id = e.id AND v.run_id = e.created_by_id)
        """),
    ),
    Check(
        id="D703",
        title="Two rows are linked that belong to different workflows",
        meaning="A lock, a pause or a block of one workflow does not hold for what is linked to it.",
        remedy="Find in the history of both rows what linked them.",
        find=_across_workflows,
    ),
]
