"""Decisions without a mark in history, and what was decided by nobody, are found (P4)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User

from tests.doctor.planting import Planted, Rows, found_after, found_by, plant
from tests.doctor.shop import REASON, Shop
from tests.operations.readiness import without_code
from workflows_app.models import Breaker, Event, OperatorAction, Workflow
from workflows_app.models.saving import save_with_history
from workflows_app.operations import (
    close_breaker,
    pause_workflow,
    resume_workflow,
    retire_workflow,
    retry_failed_run,
    run_producers_now,
    skip_event,
    skip_run,
)

pytestmark = pytest.mark.django_db

#: Each hides the mark that a decision left in a table of history.
_HIDDEN = ("history_user_id = NULL", "history_change_reason = 'another'", "status = 'lost'")
#: By a stage, the decision of which it tells, and the tables in which that leaves a mark.
_DECIDED = {
    "asked_again": ("try_again", ["run", "mutation"]),
    "asserted": ("it_didnt_happen", ["run", "mutation"]),
    "asserted_happened": ("it_happened", ["run", "mutation"]),
    "decided_now": ("decide_now", ["run", "mutation"]),
    "skipped": ("skip_run", ["run", "mutation"]),
    "skipped_event": ("skip_event", ["event"]),
}


def _without_a_mark(stage: str) -> Iterator[Planted]:
    operation, tables = _DECIDED[stage]
    of, about = "workflows_app_operatoraction", tables[0]
    unmarked = [
        f"UPDATE workflows_app_historical{table} SET {hidden} WHERE id = %({table})s"
        " AND history_user_id IS NOT NULL"
        for table in tables
        for hidden in _HIDDEN
    ]
    unmarked += [
        f"UPDATE {of} SET created_at = now() {way} interval '11 minutes'"
        " WHERE workflow_id = %(workflow)s"
        for way in "+-"
    ]
    told = f'shop: decision 777777777 "{operation}" on {about} {{{about}}} is not in its history'
    for sql in unmarked:
        known = f"UPDATE {of} SET id = 777777777 WHERE workflow_id = %(workflow)s"
        yield Planted("D601", stage, f"{sql}; {known}", [told])


CASES = [case for stage in _DECIDED for case in _without_a_mark(stage)]


def test_a_retry_that_no_decision_made_is_found(rejected: Rows, shop: Shop, person: User) -> None:
    run = shop.workflow.runs.get(pk=rejected["run"])
    action = retry_failed_run(run, actor=person, reason="the limit was raised")
    assert found_by("D601") == []

    for hidden in (*_HIDDEN[:2], "retry_of_id = NULL", "history_type = '~'"):
        assert found_after(f"UPDATE workflows_app_historicalrun SET {hidden}", "D601") == [
            f'shop: decision {action.pk} "retry_failed_run" on run {run.pk} is not in its history'
        ]


def test_decisions_on_a_workflow_are_looked_up_in_its_history(
    neighbour: None, shop: Shop, person: User
) -> None:
    workflow, breaker = shop.workflow, Breaker(handler=shop.workflow.handlers.get(name="Pay"))
    breaker.open(now=shop.now, trial_at=shop.now)
    save_with_history(breaker, reason="five unknowns in a row")
    close_breaker(breaker.handler, actor=person, reason=REASON)
    for decide in (pause_workflow, resume_workflow, run_producers_now):
        for each in (Workflow.objects.get(slug="neighbour"), workflow):
            decide(each, actor=person, reason=REASON)
    assert found_by("D601") == found_by("D602") == []

    decisions = workflow.operator_actions.order_by("pk")
    unmarked = [
        f'shop: decision {action.pk} "{action.operation}" on workflow {workflow.pk} is not in its'
        " history"
        for action in decisions
    ]
    for hidden in (*_HIDDEN, "history_date = history_date + interval '11 minutes'"):
        for table, lines in (("workflow", unmarked[1:]), ("breaker", unmarked[:1])):
            of_shop = workflow.pk if table == "workflow" else breaker.pk
            sql = f"UPDATE workflows_app_historical{table} SET {hidden} WHERE id = {of_shop}"
            assert found_after(sql, "D601") == lines
    paused, resumed = workflow.history.order_by("history_id")[2:4]
    closed = breaker.history.latest("history_id")
    assert found_after(
        f"DELETE FROM workflows_app_operatoraction WHERE workflow_id = {workflow.pk}", "D602"
    ) == [
        f"shop: {row} is in history row {history.history_id}, but not among the decisions"
        for row, history in sorted(
            [
                (f'breaker {breaker.pk} "close_breaker"', closed),
                (f'workflow {workflow.pk} "pause_workflow"', paused),
                (f'workflow {workflow.pk} "resume_workflow"', resumed),
            ],
            key=lambda one: (one[1].id, one[1].history_id),
        )
    ]


def test_a_retirement_is_looked_up_in_the_history_of_its_workflow(
    neighbour: None, shop: Shop, person: User
) -> None:
    workflow = without_code()
    action = retire_workflow(workflow, actor=person, reason=REASON)
    assert found_by("D601") == found_by("D602") == []

    for hidden in (*_HIDDEN[:2], "retired_at = NULL"):
        sql = f"UPDATE workflows_app_historicalworkflow SET {hidden} WHERE id = {workflow.pk}"
        told = f'"retire_workflow" on workflow {workflow.pk} is not in its history'
        assert found_after(sql, "D601") == [f"pay: decision {action.pk} {told}"]
    row = workflow.history.latest("history_id").history_id
    told = f'"retire_workflow" is in history row {row}, but not among the decisions'
    sql = f"DELETE FROM workflows_app_operatoraction WHERE id = {action.pk}"
    assert found_after(sql, "D602") == [f"pay: workflow {workflow.pk} {told}"]


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
