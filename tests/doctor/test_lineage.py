"""Events without a cause, and links from one workflow into another, are found (P5)."""

from __future__ import annotations

import pytest

from tests.doctor.planting import Planted, Rows, found_by, plant
from workflows_app.models import Event, Workflow

pytestmark = pytest.mark.django_db

#: Another workflow, with a row of each kind that can be linked.
OTHER = 999999999
ANOTHER_WORKFLOW = """
    INSERT INTO workflows_app_workflow (id, slug, title, status, secret_names, created_at)
         VALUES (999999999, 'other', 'Another one', 'active', '[]', now());
    INSERT INTO workflows_app_workflowversion
                (id, workflow_id, major, minor, kind, source_digest, note, created_at)
         VALUES (999999999, 999999999, 1, 0, 'initial', '', '', now());
    INSERT INTO workflows_app_handler (id, workflow_id, name, kind, is_current)
         VALUES (999999999, 999999999, 'Other', 'consumer', true);
    INSERT INTO workflows_app_topic (id, workflow_id, name) VALUES (999999999, 999999999, 'other');
    INSERT INTO workflows_app_input
                (id, workflow_id, source, type, external_id, title, created_at)
         VALUES (999999999, 999999999, 'app', 'other', '1', '', now())
"""

CASES = [
    Planted(
        "D701",
        rows="pending",
        sql="DELETE FROM workflows_app_eventinput WHERE event_id = %(event)s",
        finds=["shop: event {event} has no input"],
    ),
    Planted(
        "D703",
        rows="pending",
        sql=f"{ANOTHER_WORKFLOW};UPDATE workflows_app_eventinput SET id = 777777777, input_id = 999999999"
        " WHERE event_id = %(event)s",
        finds=[
            "shop: event input 777777777 is of workflow {workflow}, but its input of workflow 999999999",
        ],
    ),
    Planted(
        "D703",
        rows="pending",
        sql=f"{ANOTHER_WORKFLOW};UPDATE workflows_app_topic SET consumer_id = 999999999"
        " WHERE id = %(topic)s",
        finds=[
            "shop: topic {topic} is of workflow {workflow}, but its consumer of workflow 999999999"
        ],
    ),
    Planted(
        "D703",
        rows="pending",
        sql=f"{ANOTHER_WORKFLOW};UPDATE workflows_app_workflow SET active_version_id = 999999999"
        " WHERE id = %(workflow)s",
        finds=[
            "shop: workflow {workflow} is of workflow {workflow}, but its active_version of"
            " workflow 999999999"
        ],
    ),
    Planted(
        "D703",
        rows="blocked",
        sql=f"{ANOTHER_WORKFLOW};UPDATE workflows_app_run SET handler_id = 999999999"
        " WHERE id = %(run)s",
        finds=["shop: run {run} is of workflow {workflow}, but its handler of workflow 999999999"],
    ),
    Planted(
        "D703",
        rows="skipped",
        sql=f"{ANOTHER_WORKFLOW};UPDATE workflows_app_operatoraction"
        " SET id = 777777777, workflow_id = 999999999 WHERE run_id = %(run)s",
        finds=[
            "other: operator action 777777777 is of workflow 999999999, but its run of workflow {workflow}"
        ],
    ),
]


def test_an_event_that_lost_the_causes_of_its_run_is_found(paid: Rows) -> None:
    told = Event.objects.get(topic__name="paid", message_id="1")
    assert found_by("D702") == []

    plant(
        "UPDATE workflows_app_eventinput SET input_id = %(input2)s WHERE event_id = %(told)s",
        paid | {"told": told.pk},
    )

    assert found_by("D702") == [
        f"shop: event {told.pk} was published by run {paid['run']}, but came of none of its inputs"
    ]


def test_a_run_that_is_wholly_of_another_workflow_is_found_by_every_link(asserted: Rows) -> None:
    plant(
        f"{ANOTHER_WORKFLOW};UPDATE workflows_app_run SET workflow_id = 999999999 WHERE id = %(run2)s;"
        "UPDATE workflows_app_run SET carried_mutation_id = %(mutation2)s WHERE id = %(run)s;"
        "UPDATE workflows_app_event SET status = 'reserved', reserved_by_id = %(run2)s WHERE id = %(event)s;"
        "UPDATE workflows_app_operatoraction SET run_id = NULL, event_id = %(event)s,"
        " workflow_id = 999999999, id = 777777777 WHERE run_id = %(run)s",
        asserted,
    )
    here, run, run2 = asserted["workflow"], asserted["run"], asserted["run2"]
    reservation, told = (
        Event.objects.get(pk=asserted["event"]).reservations.get(run_id=run2),
        (Event.objects.get(topic__name="paid")),
    )

    assert found_by("D703") == [
        f"shop: event {told.pk} is of workflow {here}, but its created_by of workflow {OTHER}",
        f"shop: event {asserted['event']} is of workflow {here}, but its reserved_by of workflow {OTHER}",
        f"shop: reservation {reservation.pk} is of workflow {here}, but its run of workflow {OTHER}",
        f"other: run {run2} is of workflow {OTHER}, but its handler of workflow {here}",
        f"other: run {run2} is of workflow {OTHER}, but its version of workflow {here}",
        f"other: run {run2} is of workflow {OTHER}, but its retry_of of workflow {here}",
        f"shop: run {run} is of workflow {here}, but its carried_mutation of run of workflow {OTHER}",
        f"other: operator action 777777777 is of workflow {OTHER}, but its event of topic of workflow {here}",
    ]
    assert Workflow.objects.get(slug="other").runs.get().retry_of_id == run
