"""trace: from an input, event or run, all that came of it and all that it came of (P5)."""

from __future__ import annotations

import pytest

from tests.commands.console import run
from tests.models.rows import Rows
from workflows_app.models import Reservation, Topic

pytestmark = pytest.mark.django_db


def test_a_retry_that_found_nothing_to_reserve_is_shown() -> None:
    rows = Rows()
    failed = rows.run("failed", title="Pay invoice 42")
    event = rows.event("skipped", message_id="42")
    Reservation.objects.create(run=failed, event=event)
    effect = rows.mutation(failed, "failed")
    retry = rows.run("committed", retry_of=failed)
    another = rows.run("committed", retry_of=retry)

    told = f"run {retry.pk}: without a title, committed (pay 1.0, Pay, retry of run {failed.pk})"
    lines = run("trace", "event", event.pk).lines
    assert f"    {told}" in lines
    told_of_another = (
        f"run {another.pk}: without a title, committed (pay 1.0, Pay, retry of run {retry.pk})"
    )
    assert f"    {told_of_another}" in lines
    assert run("trace", "run", retry.pk).lines == [
        told,
        "  came of",
        f"    run {failed.pk}: Pay invoice 42, failed (transient) (pay 1.0, Pay)",
        f"      event {event.pk}: invoice.received 42, skipped",
        "  led to",
        f"    {told_of_another}",
    ]
    assert [f"    {each}" for each in (told, told_of_another)] == run(
        "trace", "run", failed.pk
    ).lines[-2:]
    told_of_effect = f"    mutation {effect.pk}: bank.pay, failed by response"
    assert told_of_effect in run("trace", "run", failed.pk).lines


def test_of_each_topic_the_event_of_that_name_is_told() -> None:
    rows = Rows()
    paid = Topic.objects.create(workflow=rows.workflow, name="invoice.paid")
    events = [rows.event(message_id="42"), rows.event(message_id="42", topic=paid)]

    assert run("trace", "event", "42", "--workflow", "pay").lines == [
        f"event {events[0].pk}: invoice.received 42, pending",
        "",
        f"event {events[1].pk}: invoice.paid 42, pending",
    ]
