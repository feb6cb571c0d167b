"""What needs a person, most urgent first: breakers, unknown outcomes, failures, contradictions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.models.rows import Rows
from workflows_app.models import Breaker, Evidence, OperatorAction, Run, Workflow
from workflows_app.queries.attention import (
    CONTRADICTION_SHOWN_FOR,
    blocked_runs,
    contradictions,
    open_breakers,
)

pytestmark = pytest.mark.django_db


def blocked_since(rows: Rows, *moments: datetime) -> Run:
    """Make a run that became blocked at each of `moments`, asked about again in between."""
    run = rows.run("active")
    for moment in moments:
        if run.status == "blocked":
            step(run, "begin_reconciling", moment - timedelta(minutes=1))
        step(run, "block", moment)
    return run


def step(run: Any, transition: str, moment: datetime) -> None:
    run._history_date = moment
    getattr(run, transition)()
    run.save()


def test_who_became_blocked_again_waits_since_then() -> None:
    now = timezone.now()
    again = blocked_since(Rows("a"), now - timedelta(days=9), now - timedelta(hours=1))
    once = blocked_since(Rows("b"), now - timedelta(hours=2))

    found = list(blocked_runs())

    assert found == [once, again]
    assert [run.blocked_at for run in found] == [
        now - timedelta(hours=2),
        now - timedelta(hours=1),
    ]


def test_open_breakers_come_with_the_longest_open_first(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    now = timezone.now()
    for slug, status, hours in (("a", "half_open", 1), ("b", "open", 2), ("c", "closed", 3)):
        Breaker.objects.create(
            handler=Rows(slug).handler,
            status=status,
            opened_at=now - timedelta(hours=hours),
            trial_at=None if status == "closed" else now,
        )
    retired = Rows("retired")
    Breaker.objects.create(handler=retired.handler, status="open", opened_at=now, trial_at=now)
    Workflow.objects.filter(pk=retired.workflow.pk).update(status="paused", retired_at=now)

    with django_assert_num_queries(1):
        shown = [breaker.handler.workflow.slug for breaker in open_breakers()]

    assert shown == ["b", "a"]


def test_contradictions_are_shown_for_thirty_days_newest_first() -> None:
    rows = Rows()
    mutation = rows.mutation(rows.run(), "failed")
    older, newer = (
        Evidence.objects.create(
            mutation=mutation, kind="late", verdict="applied", contradicts=True, attempt=number
        )
        for number in (1, 2)
    )
    Evidence.objects.create(mutation=mutation, kind="late", verdict="unknown")

    assert list(contradictions(now=timezone.now())) == [newer, older]
    last_moment = older.created_at + CONTRADICTION_SHOWN_FOR
    assert list(contradictions(now=last_moment)) == [newer, older]
    assert list(contradictions(now=newer.created_at + timedelta(days=30, microseconds=1))) == []


def test_a_contradiction_is_over_once_somebody_took_the_run_or_decided_about_it_again(
    operator_user: User,
) -> None:
    rows = Rows()

    def decide(operation: str, run: Run) -> None:
        OperatorAction.objects.create(
            operation=operation, workflow=rows.workflow, run=run, reason="seen", actor=operator_user
        )

    taken, decided, noted = runs = [rows.run(lane=lane) for lane in ("a", "b", "c")]
    for run in runs:
        decide("skip_run", run)
        Evidence.objects.create(
            mutation=rows.mutation(run, "failed"), kind="late", verdict="applied", contradicts=True
        )
    assert contradictions(now=timezone.now()).count() == 3

    decide("take_run", taken)
    decide("it_happened", decided)
    decide("add_note", noted)

    assert [item.mutation.run for item in contradictions(now=timezone.now())] == [noted]
