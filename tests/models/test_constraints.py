"""What the database refuses to hold, whoever asks: each constraint, by raw SQL that violates it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from tests.models.rows import NOON, Rows, copy, refused, update
from workflows_app.models import Alert, AlertChoice, GivenPermission, SavedFilter

Violation = Callable[[Rows], None]


def copies_an_open_run(status: str, other: str) -> Violation:
    def violate(rows: Rows) -> None:
        rows.run(other)
        ended = rows.run("committed")
        copy(ended, status=status, phase="mutating")

    return violate


def owes_twice(rows: Rows) -> None:
    rows.run("failed", owes_retry=True)
    copy(rows.run("crashed"), owes_retry=True)


def retries_twice(rows: Rows) -> None:
    first = rows.run("failed")
    copy(rows.run("committed", retry_of=first))


def alert(rows: Rows) -> Alert:
    return Alert.objects.create(
        workflow=rows.workflow, channel="hook", created_at=NOON, next_attempt_at=NOON
    )


def choice() -> AlertChoice:
    return AlertChoice.objects.create(person=User.objects.create_user("olga"))


def gift() -> GivenPermission:
    return GivenPermission.objects.create(group_name="Workflow friends", codename="skip_event")


def saved_filter() -> SavedFilter:
    return SavedFilter.objects.create(
        person=User.objects.create_user("olga"), page="run", name="mine", query="status=failed"
    )


def mutates_twice(rows: Rows) -> None:
    copy(rows.mutation(rows.run()), idempotency_key="other")


#: (constraint, a name for the case): what violates it.
VIOLATIONS: dict[tuple[str, str], Violation] = {
    ("workflows_app_workflow_slug_key", ""): lambda rows: copy(rows.workflow),
    ("alert_status_known", ""): lambda rows: update(alert(rows), status="lost"),
    ("alert_to_one_place", "nowhere"): lambda rows: update(alert(rows), channel=""),
    ("one_waiting_alert_per_place", ""): lambda rows: copy(alert(rows)),
    ("one_choice_per_place", ""): lambda rows: copy(choice(), blocked=False),
    ("one_gift_per_group", ""): lambda rows: copy(gift()),
    ("one_saved_filter_per_name", ""): lambda rows: copy(saved_filter(), query="other"),
    ("workflow_status_known", ""): lambda rows: update(rows.workflow, status="blocked"),
    ("one_row_per_version", ""): lambda rows: copy(rows.version, note="again"),
    ("one_topic_per_name", ""): lambda rows: copy(rows.topic),
    ("one_handler_per_name", ""): lambda rows: copy(rows.handler, kind="producer"),
    ("one_state_per_lane", ""): lambda rows: copy(rows.lane(), arrivals=7),
    ("workflows_app_breaker_handler_id_key", ""): lambda rows: copy(rows.breaker()),
    ("breaker_status_known", ""): lambda rows: update(rows.breaker("open"), status="ajar"),
    ("trial_iff_open", "open, and no trial"): lambda rows: update(rows.breaker(), status="open"),
    ("trial_iff_open", "half open, and no trial"): lambda rows: update(
        rows.breaker(), status="half_open"
    ),
    ("trial_iff_open", "closed, but a trial"): lambda rows: update(rows.breaker(), trial_at=NOON),
    ("one_input_per_identity", ""): lambda rows: copy(rows.input(), title="again"),
    ("one_event_per_message_id", ""): lambda rows: copy(rows.event(), payload="[]"),
    ("one_event_per_message_id", "though consumed"): lambda rows: copy(rows.event("consumed")),
    ("one_cause_per_input", ""): lambda rows: copy(rows.cause()),
    ("one_reservation_per_event", ""): lambda rows: copy(rows.reservation()),
    ("event_status_known", ""): lambda rows: update(rows.event(), status="lost"),
    ("reserved_by_iff_reserved", "reserved by nobody"): lambda rows: update(
        rows.event(), status="reserved"
    ),
    ("reserved_by_iff_reserved", "pending, but held"): lambda rows: update(
        rows.event(), reserved_by_id=rows.run().pk
    ),
    ("reserved_by_iff_reserved", "let go, but reserved"): lambda rows: update(
        rows.event("reserved", reserved_by=rows.run()), reserved_by_id=None
    ),
    ("reserved_by_iff_reserved", "consumed, but held"): lambda rows: update(
        rows.event("reserved", reserved_by=rows.run()), status="consumed"
    ),
    ("reserved_by_iff_reserved", "skipped, but held"): lambda rows: update(
        rows.event("skipped"), reserved_by_id=rows.run().pk
    ),
    ("run_status_known", ""): lambda rows: update(rows.run(), status="paused"),
    ("run_phase_known", ""): lambda rows: update(rows.run(), phase="resting"),
    ("run_committed_in_both", "by status only"): lambda rows: update(
        rows.run(), status="committed"
    ),
    ("run_committed_in_both", "by phase only"): lambda rows: update(rows.run(), phase="committed"),
    ("failure_kind_iff_failed", "failed for no reason"): lambda rows: update(
        rows.run(), status="failed"
    ),
    ("failure_kind_iff_failed", "a reason, but not failed"): lambda rows: update(
        rows.run(), failure_kind="logic"
    ),
    ("only_ended_runs_owe_a_retry", "active"): lambda rows: update(rows.run(), owes_retry=True),
    ("only_ended_runs_owe_a_retry", "committed"): lambda rows: update(
        rows.run("committed"), owes_retry=True
    ),
    ("one_owed_retry_per_lane", ""): owes_twice,
    ("workflows_app_run_retry_of_id_key", ""): retries_twice,
    ("workflows_app_mutation_run_id_key", ""): mutates_twice,
    ("mutation_status_known", ""): lambda rows: update(rows.mutation(rows.run()), status="lost"),
    ("resolved_by_iff_settled", "settled by nobody"): lambda rows: update(
        rows.mutation(rows.run()), status="applied"
    ),
    ("resolved_by_iff_settled", "skipped by nobody"): lambda rows: update(
        rows.mutation(rows.run(), "indeterminate"), status="skipped"
    ),
    ("resolved_by_iff_settled", "a settler, but unknown"): lambda rows: update(
        rows.mutation(rows.run(), "indeterminate"), resolved_by="operator"
    ),
    ("due_iff_needs_reconcile", "asked about never"): lambda rows: update(
        rows.mutation(rows.run()), status="needs_reconcile"
    ),
    ("due_iff_needs_reconcile", "a date, but nothing to ask"): lambda rows: update(
        rows.mutation(rows.run()), next_reconcile_at=NOON
    ),
} | {
    ("one_open_run_per_lane", f"{status} beside {other}"): copies_an_open_run(status, other)
    for status in ("active", "reconciling", "blocked")
    for other in ("active", "reconciling", "blocked")
}


@pytest.mark.parametrize("case", VIOLATIONS, ids=" ".join)
def test_the_database_refuses(rows: Rows, case: tuple[str, str]) -> None:
    constraint, _ = case

    with refused(constraint=constraint):
        VIOLATIONS[case](rows)


def test_every_constraint_of_the_models_is_violated_here() -> None:
    declared = {
        constraint.name
        for model in apps.get_app_config("workflows_app").get_models()
        for constraint in model._meta.constraints
    }

    assert declared <= {constraint for constraint, _ in VIOLATIONS}


def test_what_looks_alike_but_is_allowed(rows: Rows) -> None:
    other = Rows("other")
    copy(rows.event("consumed"), topic_id=other.topic.pk)
    copy(rows.input(), workflow_id=other.workflow.pk)
    copy(rows.input("43"), type="letter", external_id="42")
    copy(rows.version, minor=1)
    rows.run("blocked")
    rows.run("blocked", lane="ACME")
    other.run("blocked")
    copy(rows.lane(), lane="ACME")
    for status in ("committed", "failed", "crashed"):
        copy(rows.run(status))
    rows.run("failed", owes_retry=True)
    rows.run("failed", owes_retry=True, lane="ACME")
    other.run("failed", owes_retry=True)
