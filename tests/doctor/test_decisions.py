"""Decisions without a mark in history, and what was decided by nobody, are found (P4)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.doctor.planting import Planted, Rows, found_by, plant
from tests.doctor.shop import Shop
from workflows_app.models import Event, OperatorAction
from workflows_app.operations import (
    pause_workflow,
    resume_workflow,
    retry_failed_run,
    run_producers_now,
    skip_event,
    skip_run,
)

pytestmark = pytest.mark.django_db

_OTHER_REASON = "UPDATE workflows_app_operatoraction SET id = 777777777, reason = 'another'"

CASES = [
    Planted(
        "D601",
        rows="skipped_event",
        sql=_OTHER_REASON,
        finds=['shop: decision 777777777 "skip_event" on event {event} is not in its history'],
    ),
    Planted(
        "D601",
        rows="asked_again",
        sql=_OTHER_REASON,
        finds=['shop: decision 777777777 "try_again" on run {run} is not in its history'],
    ),
    Planted(
        "D601",
        rows="asserted",
        sql="UPDATE workflows_app_operatoraction SET id = 777777777, created_at = now() + '1 hour'",
        finds=['shop: decision 777777777 "it_didnt_happen" on run {run} is not in its history'],
    ),
    Planted(
        "D601",
        rows="skipped",
        sql="UPDATE workflows_app_operatoraction SET id = 777777777, run_id = NULL",
        finds=['shop: decision 777777777 "skip_run" on workflow {workflow} is not in its history'],
    ),
    Planted(
        "D601",
        rows="asserted_happened",
        sql=_OTHER_REASON,
        finds=['shop: decision 777777777 "it_happened" on run {run} is not in its history'],
    ),
    Planted(
        "D601",
        rows="decided_now",
        sql=_OTHER_REASON,
        finds=['shop: decision 777777777 "decide_now" on run {run} is not in its history'],
    ),
    Planted(
        "D602",
        rows="asserted_happened",
        sql="DELETE FROM workflows_app_operatoraction;"
        "UPDATE workflows_app_historicalmutation SET history_id = 777777777 WHERE status = 'applied'",
        finds=[
            'shop: mutation {mutation} "it_happened" is in history row 777777777, but not among the'
            " decisions"
        ],
    ),
    Planted(
        "D602",
        rows="decided_now",
        sql="DELETE FROM workflows_app_operatoraction;"
        "UPDATE workflows_app_historicalmutation SET history_id = 777777777"
        " WHERE status = 'indeterminate'",
        finds=[
            'shop: mutation {mutation} "decide_now" is in history row 777777777, but not among the'
            " decisions"
        ],
    ),
    Planted(
        "D602",
        rows="skipped_event",
        sql="DELETE FROM workflows_app_operatoraction;"
        "UPDATE workflows_app_historicalevent SET history_id = 777777777 WHERE status = 'skipped'",
        finds=[
            'shop: event {event} "skip_event" is in history row 777777777, but not among the decisions'
        ],
    ),
    Planted(
        "D602",
        rows="asked_again",
        sql="DELETE FROM workflows_app_operatoraction;"
        "UPDATE workflows_app_historicalmutation SET history_id = 777777777 WHERE history_id ="
        " (SELECT max(history_id) FROM workflows_app_historicalmutation)",
        finds=[
            'shop: mutation {mutation} "try_again" is in history row 777777777, but not among the'
            " decisions"
        ],
    ),
    Planted(
        "D602",
        rows="asserted",
        sql="UPDATE workflows_app_operatoraction SET operation = 'skip_run';"
        "UPDATE workflows_app_historicalmutation SET history_id = 777777777 WHERE status = 'failed'",
        finds=[
            'shop: mutation {mutation} "it_didnt_happen" is in history row 777777777, but not among the'
            " decisions"
        ],
    ),
    Planted(
        "D602",
        rows="skipped",
        sql="UPDATE workflows_app_operatoraction SET reason = 'another';"
        "UPDATE workflows_app_historicalmutation SET history_id = 777777777 WHERE status = 'skipped'",
        finds=[
            'shop: mutation {mutation} "skip_run" is in history row 777777777, but not among the decisions'
        ],
    ),
    Planted(
        "D603",
        rows="skipped",
        sql="UPDATE workflows_app_operatoraction SET id = 777777777, reason = ' '",
        finds=['shop: decision 777777777 "skip_run" has no reason'],
    ),
]


def test_a_retry_that_no_decision_made_is_found(rejected: Rows, shop: Shop, person: User) -> None:
    run = shop.workflow.runs.get(pk=rejected["run"])
    action = retry_failed_run(run, actor=person, reason="the limit was raised")
    assert found_by("D601") == []

    plant("UPDATE workflows_app_historicalrun SET retry_of_id = NULL")

    assert found_by("D601") == [
        f'shop: decision {action.pk} "retry_failed_run" on run {run.pk} is not in its history'
    ]


def test_decisions_on_a_workflow_are_looked_up_in_its_history(shop: Shop, person: User) -> None:
    workflow = shop.workflow
    for decide in (pause_workflow, resume_workflow, run_producers_now):
        decide(workflow, actor=person, reason=decide.__name__)
    assert found_by("D601") == found_by("D602") == []

    plant("UPDATE workflows_app_historicalworkflow SET history_user_id = NULL")

    decisions = OperatorAction.objects.order_by("pk")
    assert found_by("D601") == [
        f'shop: decision {action.pk} "{action.operation}" on workflow {workflow.pk} is not in its'
        " history"
        for action in decisions
    ]
    paused, resumed = workflow.history.order_by("history_id")[2:4]
    assert found_by("D602") == [
        f'shop: workflow {workflow.pk} "{name}" is in history row {row.history_id}, but not among'
        " the decisions"
        for name, row in (("pause_workflow", paused), ("resume_workflow", resumed))
    ]


@pytest.fixture
def alike(shop: Shop, person: User) -> Rows:
    """Two events and two effects, all skipped by one person for one reason, at once."""
    skipped: Rows = {}
    for number in ("1", "2"):
        event = shop.order(number)
        skip_event(event, actor=person, reason="test orders")
        skipped[f"event{number}"] = event.pk
    for number in ("1", "2"):
        shop.mail += ["lost"]
        run = shop.last_run(_sent(shop, f"mail {number}"))
        skip_run(run, actor=person, reason="test orders")
        shop.run_host()
        skipped |= {f"run{number}": run.pk, f"mutation{number}": run.mutation.pk}
    assert found_by("D601") == found_by("D602") == []
    return skipped


def _sent(shop: Shop, number: str) -> Event:
    event = shop.order(number, by="mail")
    shop.run_host()
    return event


def test_of_decisions_alike_each_has_a_record_of_its_own(alike: Rows) -> None:
    plant(
        "DELETE FROM workflows_app_operatoraction"
        " WHERE event_id = %(event1)s OR run_id = %(run2)s;"
        "UPDATE workflows_app_historicalevent SET history_id = 777777777"
        " WHERE id = %(event1)s AND status = 'skipped';"
        "UPDATE workflows_app_historicalmutation SET history_id = 777777778"
        " WHERE id = %(mutation2)s AND status = 'skipped'",
        alike,
    )

    assert found_by("D602") == [
        line.format(**alike)
        for line in sorted(
            (
                'shop: event {event1} "skip_event" is in history row 777777777, but not among the'
                " decisions",
                'shop: mutation {mutation2} "skip_run" is in history row 777777778, but not among'
                " the decisions",
            ),
            key=lambda line: alike["event1" if "event1" in line else "mutation2"],
        )
    ]
    assert found_by("D601") == []


def test_a_decision_is_in_the_history_of_the_run_and_of_its_effect(alike: Rows) -> None:
    plant(
        "UPDATE workflows_app_historicalmutation SET history_change_reason = 'another'"
        " WHERE id = %(mutation1)s AND status = 'skipped';"
        "UPDATE workflows_app_historicalmutation SET history_user_id = NULL"
        " WHERE id = %(mutation2)s AND status = 'skipped'",
        alike,
    )

    actions = OperatorAction.objects.filter(run__in=[alike["run1"], alike["run2"]])
    assert found_by("D601") == [
        f'shop: decision {action.pk} "skip_run" on run {action.run_id} is not in its history'
        for action in actions.order_by("pk")
    ]
