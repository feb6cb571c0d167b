"""What needs a person, most urgent first: breakers, unknown outcomes, failures, contradictions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.models.rows import Rows
from workflows_app.models import Breaker, Evidence, Run
from workflows_app.queries.attention import (
    CONTRADICTION_SHOWN_FOR,
    blocked_runs,
    contradictions,
    failures_that_wait,
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


def test_who_waits_longest_comes_first_with_the_moment_it_became_blocked() -> None:
    now = timezone.now()
    late, early = now - timedelta(hours=1), now - timedelta(hours=3)
    second, first = blocked_since(Rows("b"), late), blocked_since(Rows("a"), early)
    Rows("c").run("reconciling")
    Rows("d").run("failed", owes_retry=True)

    found = list(blocked_runs())

    assert found == [first, second]
    assert [run.blocked_at for run in found] == [early, late]


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


def test_a_blocked_run_is_shown_by_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    rows = Rows()
    rows.mutation(blocked_since(rows, timezone.now()), "indeterminate")

    with django_assert_num_queries(1):
        shown = [
            (run.workflow.slug, run.handler.name, run.mutation.mutator) for run in blocked_runs()
        ]

    assert shown == [("pay", "Pay", "bank.pay")]


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

    with django_assert_num_queries(1):
        shown = [breaker.handler.workflow.slug for breaker in open_breakers()]

    assert shown == ["b", "a"]


def test_failures_that_no_date_brings_back_wait_for_a_person() -> None:
    now = timezone.now()
    second = Rows("b").run("failed", owes_retry=True, ended_at=now)
    an_hour_ago = now - timedelta(hours=1)
    poison = {"failure_kind": "poison", "owes_retry": True, "ended_at": an_hour_ago}
    first = Rows("a").run("failed", **poison)
    Rows("c").run("failed", owes_retry=True, ended_at=now, retry_due_at=now)
    Rows("d").run("crashed", owes_retry=True, ended_at=now)
    Rows("e").run("failed", ended_at=now)
    Rows("f").run("blocked")

    assert list(failures_that_wait()) == [first, second]


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


def test_a_contradiction_is_shown_by_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    rows = Rows()
    Evidence.objects.create(
        mutation=rows.mutation(rows.run(title="Pay 42"), "failed"),
        kind="late",
        verdict="applied",
        contradicts=True,
    )

    with django_assert_num_queries(1):
        shown = [
            (str(found.mutation.run), found.mutation.run.workflow.slug)
            for found in contradictions(now=timezone.now())
        ]

    assert shown == [("Pay 42", "pay")]
