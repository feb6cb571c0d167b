"""trace: from an input, event or run, all that came of it and all that it came of (P5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.commands.console import run
from tests.models.rows import Rows
from tests.operations.readiness import everything
from tests.scenes import Scene
from workflows_app.models import (
    Event,
    Evidence,
    Input,
    Mutation,
    OperatorAction,
    Reservation,
    Run,
)
from workflows_app.operations import it_didnt_happen, skip_event

pytestmark = pytest.mark.django_db

SceneMaker = Callable[..., Scene]


@pytest.fixture
def story(scene: SceneMaker, operator_user: User) -> Run:
    """An invoice whose payment got lost, which olga settled, and which was paid then."""
    play = scene("lost", "applied")
    blocked = play.happens("42", days=0)
    it_didnt_happen(blocked, actor=operator_user, reason="not in the bank's list")
    play.run_host()
    return blocked


def ids(model: Any) -> list[int]:
    return list(model.objects.order_by("pk").values_list("pk", flat=True))


def test_from_an_input_to_every_effect_and_decision(story: Run) -> None:
    (input_id,) = ids(Input)
    received, paid = ids(Event)
    first, second = ids(Mutation)
    lost, applied = ids(Evidence)
    (decision,) = ids(OperatorAction)
    retry = Run.objects.get(retry_of=story)
    before = everything()

    ran = run("trace", "input", input_id)

    assert (ran.code, ran.err) == (0, "")
    assert ran.lines == [
        f"input {input_id}: app invoice.received 42: 42",
        "  led to",
        f"    event {received}: invoice.received 42, consumed",
        f"      run {story.pk}: Pay invoice 42, failed (transient) (pay 1.0, Pay)",
        f"        mutation {first}: scripted → the script, failed by operator",
        f"          evidence {lost}: execute 1: unknown: TimeoutError: no answer, says the script",
        f"        decision {decision}: “It didn't happen” by olga: not in the bank's list",
        f"      run {retry.pk}: Pay invoice 42, committed (pay 1.0, Pay, retry of run {story.pk})",
        f"        mutation {second}: scripted → the script, applied by response",
        f"          evidence {applied}: execute 1: applied",
        f"        event {paid}: invoice.paid 42, pending",
    ]
    assert everything() == before


def test_from_an_event_back_to_its_input(story: Run) -> None:
    (input_id,) = ids(Input)
    received, paid = ids(Event)
    retry = Run.objects.get(retry_of=story)

    assert run("trace", "event", paid).lines == [
        f"event {paid}: invoice.paid 42, pending",
        "  came of",
        f"    input {input_id}: app invoice.received 42: 42",
        f"    run {retry.pk}: Pay invoice 42, committed (pay 1.0, Pay, retry of run {story.pk})",
        f"      event {received}: invoice.received 42, consumed",
        f"        input {input_id}: app invoice.received 42: 42 (see above)",
    ]


def test_from_a_run_in_both_directions(story: Run) -> None:
    (input_id,) = ids(Input)
    received, paid = ids(Event)
    retry = Run.objects.get(retry_of=story)

    (tree,) = run("trace", "run", retry.pk, "--format", "json").json

    mutation = Mutation.objects.get(run=retry)
    evidence = mutation.evidence.get()
    assert tree == {
        "kind": "run",
        "id": retry.pk,
        "workflow": "pay",
        "handler": "Pay",
        "lane": "",
        "version": "1.0",
        "title": "Pay invoice 42",
        "status": "committed",
        "failure_kind": "",
        "failure_message": "",
        "retry_of": story.pk,
        "came_of": [
            {
                "kind": "event",
                "id": received,
                "workflow": "pay",
                "topic": "invoice.received",
                "message_id": "42",
                "lane": "",
                "status": "consumed",
                "came_of": [
                    {
                        "kind": "input",
                        "id": input_id,
                        "workflow": "pay",
                        "source": "app",
                        "type": "invoice.received",
                        "external_id": "42",
                        "title": "42",
                    }
                ],
            }
        ],
        "led_to": [
            {
                "kind": "mutation",
                "id": mutation.pk,
                "mutator": "scripted",
                "target": "the script",
                "params": {"amount": "12.50"},
                "idempotency_key": story.idempotency_key,
                "status": "applied",
                "resolved_by": "response",
                "result": {"number": 2},
                "led_to": [
                    {
                        "kind": "evidence",
                        "id": evidence.pk,
                        "call": "execute",
                        "at": tree["led_to"][0]["led_to"][0]["at"],
                        "attempt": 1,
                        "verdict": "applied",
                        "detail": "",
                        "contradicts": False,
                    }
                ],
            },
            {
                "kind": "event",
                "id": paid,
                "workflow": "pay",
                "topic": "invoice.paid",
                "message_id": "42",
                "lane": None,
                "status": "pending",
            },
        ],
    }


def test_rows_are_named_as_outside_too(story: Run, scene: SceneMaker) -> None:
    scene(slug="other").publish("42")
    (input_id, _other) = ids(Input)
    received, paid, _ = ids(Event)

    by_input = run("trace", "input", "42", "--workflow", "pay", "--format", "json").json
    by_event = run("trace", "event", "42", "--workflow", "pay")

    assert [tree["id"] for tree in by_input] == [input_id]
    first, second = by_event.out.split("\n\n")
    assert first.startswith(f"event {received}: ")
    assert second.startswith(f"event {paid}: ")


def test_a_decision_on_an_event_is_part_of_its_story(
    scene: SceneMaker, operator_user: User
) -> None:
    event = scene().publish()
    action = skip_event(event, actor=operator_user, reason="sent twice\nby \x1b[2Jmistake")
    assert run("trace", "event", event.pk).lines[-1] == (
        f"    decision {action.pk}: “Skip event” by olga: sent twice by ⟦U+001B⟧[2Jmistake"
    )


def test_a_retry_that_found_nothing_to_reserve_is_shown() -> None:
    rows = Rows()
    failed = rows.run("failed", title="Pay invoice 42")
    event = rows.event("skipped", message_id="42")
    Reservation.objects.create(run=failed, event=event)
    retry = rows.run("committed", retry_of=failed)
    another = rows.run("committed", retry_of=retry)

    told = f"run {retry.pk}: without a title, committed (pay 1.0, Pay, retry of run {failed.pk})"
    lines = run("trace", "event", event.pk).lines
    assert f"    {told}" in lines
    assert (
        f"    run {another.pk}: without a title, committed (pay 1.0, Pay, retry of run {retry.pk})"
        in lines
    )
    assert run("trace", "run", retry.pk).lines == [
        told,
        "  came of",
        f"    run {failed.pk}: Pay invoice 42, failed (transient) (pay 1.0, Pay)",
        f"      event {event.pk}: invoice.received 42, skipped",
    ]


def test_lanes_are_told_but_the_main_lane() -> None:
    rows = Rows()
    event = rows.event("consumed", message_id="42", lane="ACME")
    Reservation.objects.create(run=rows.run("committed", lane="ACME"), event=event)
    Reservation.objects.create(run=rows.run("committed"), event=event)

    first, second = Run.objects.order_by("pk")
    assert run("trace", "event", event.pk).lines == [
        f"event {event.pk}: invoice.received 42, consumed, lane ACME",
        "  led to",
        f"    run {first.pk}: without a title, committed (pay 1.0, Pay, lane ACME)",
        f"    run {second.pk}: without a title, committed (pay 1.0, Pay)",
    ]
    (tree,) = run("trace", "event", event.pk, "--format", "json").json
    assert tree["lane"] == "ACME"
    assert [child["lane"] for child in tree["led_to"]] == ["ACME", ""]
