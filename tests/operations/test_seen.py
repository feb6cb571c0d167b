"""What was seen: a decision brings back what was shown, and is refused if anything newer is known (P7)."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from tests.models.rows import Rows
from tests.operations.readiness import SceneMaker, may_only, mute, refusal
from workflows_app.models import Event, Evidence, OperatorAction, Run, Workflow
from workflows_app.operations import (
    add_note,
    decide_now,
    it_didnt_happen,
    it_happened,
    retry_failed_run,
    skip_event,
    skip_run,
    take,
    try_again,
)
from workflows_app.operations.seen import Seen, seen_now

pytestmark = pytest.mark.django_db

DECISIONS = {
    "try_again": (try_again, lambda make: make(mutator=mute()).happens(days=0)),
    "it_happened": (it_happened, lambda make: make("lost").happens(days=0)),
    "it_didnt_happen": (it_didnt_happen, lambda make: make("lost").happens(days=0)),
    "skip_run": (skip_run, lambda make: make("lost").happens(days=0)),
    "decide_now": (decide_now, lambda make: make(mutator=mute(asked=2)).happens(days=0)),
    "retry_failed_run": (retry_failed_run, lambda make: make("rejected").happens(days=0)),
}
each_decision = pytest.mark.parametrize(
    ("decides", "ready"), DECISIONS.values(), ids=DECISIONS.keys()
)
Decides = Callable[..., OperatorAction]


def late(run: Run, verdict: str) -> Evidence:
    """Let an answer come too late."""
    return Evidence.objects.create(mutation=run.mutation, kind="late", verdict=verdict)


def clock(row: Any) -> str:
    return f"on {timezone.localtime(row.created_at):%Y-%m-%d at %H:%M:%S %Z}"


def seen(row: Any) -> str:
    """Return what a page would carry."""
    return str(seen_now([row])[row.pk])


@each_decision
def test_an_answer_that_came_since_refuses_and_is_told(
    decides: Decides, ready: Any, scene: SceneMaker, operator_user: User
) -> None:
    run = ready(scene)
    shown = seen(run)
    no, yes = late(run, "not_applied"), late(run, "applied")

    said = "an answer that came too late said"
    assert refusal(partial(decides, seen=shown), run, operator_user) == (
        "stale",
        f"Run {run.pk} is not as you saw it. New: {said} {clock(no)}: it did not happen; {said}"
        f" {clock(yes)}: it happened. Nothing was decided: look at it again.",
    )


@each_decision
def test_what_is_seen_is_kept_with_the_decision(
    decides: Decides, ready: Any, scene: SceneMaker, operator_user: User
) -> None:
    run = ready(scene)
    newest = run.mutation.evidence.order_by("pk").last()
    assert newest is not None
    for shown in (seen(run), Seen(evidence=newest.pk, decision=0), newest, newest.pk):
        with transaction.atomic():
            action = decides(
                Run.objects.get(pk=run.pk), actor=operator_user, reason="I looked", seen=shown
            )
            transaction.set_rollback(True)

        assert action.evidence_seen == newest


def test_what_others_wrote_down_meanwhile_refuses_and_one_s_own_notes_do_not(
    blocked: Run, operator_user: User
) -> None:
    shown = seen(blocked)
    other = may_only("petra", "take_run", "add_note")
    take(blocked, actor=operator_user)
    add_note(blocked, actor=operator_user, text="I call the bank")
    taken = take(blocked, actor=other)
    note = add_note(blocked, actor=other, text="The bank has it")

    assert refusal(partial(skip_run, seen=shown), blocked, operator_user) == (
        "stale",
        f"Run {blocked.pk} is not as you saw it. New: petra chose “Take” {clock(taken)}; petra chose"
        f" “Note” {clock(note)}: The bank has it. Nothing was decided: look at it again.",
    )
    assert refusal(partial(skip_run, seen=shown), blocked, other)[0] == "permission_denied"
    sees_no_decisions = may_only("sam", "skip_run")
    _code, sentence = refusal(partial(skip_run, seen=shown), blocked, sees_no_decisions)
    assert f"petra chose “Note” {clock(note)}. Nothing was decided" in sentence
    skip_run(blocked, actor=operator_user, reason="I saw the note", seen=seen(blocked))


def test_a_run_that_was_settled_and_blocked_again_is_another_one_than_was_shown(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene(mutator=mute())
    run = play.happens(days=0)
    shown = seen(run)
    try_again(run, actor=operator_user, reason="the bank is back")
    play.run_host()
    other = User.objects.create_superuser("otto")
    add_note(run, actor=other, text="it is still away")
    assert Run.objects.get(pk=run.pk).status == "blocked"

    code, sentence = refusal(partial(skip_run, seen=shown), run, operator_user)

    assert code == "stale"
    assert "asking whether it happened said on" in sentence
    told = sentence.partition("olga chose “Try again” on")[2]
    assert "otto chose “Note” on" in told, "one after the other"


def test_an_event_with_another_payload_is_not_skipped(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("applied")
    event = play.publish("42", {"amount": "0.01"})
    shown = seen(event)
    assert shown == "r1"
    play.publish("42", {"amount": "9000.00"})

    assert refusal(partial(skip_event, seen=shown), event, operator_user) == (
        "stale",
        "Event 42 is not as you saw it: it was published again, and its payload is now"
        ' {"amount": "9000.00"}. Nothing was decided: look at it again.',
    )
    Workflow.objects.update(secret_names=["amount"])
    _, masked = refusal(partial(skip_event, seen=shown), event, may_only("petra", "skip_event"))
    assert 'its payload is now {"amount": "••••"}.' in masked
    skip_event(event, actor=operator_user, reason="a typing error", seen="r2")
    assert Event.objects.get().status == "skipped"


def test_a_payload_of_any_size_is_told_in_a_sentence(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("applied")
    event = play.publish("42")
    play.publish("42", {"text": "x" * 10_000})

    _, sentence = refusal(partial(skip_event, seen="r1"), event, operator_user)

    begins = json.dumps({"text": "x" * 10_000})[:500]
    assert sentence.endswith(
        f"its payload is now {begins} …. Nothing was decided: look at it again."
    )


@pytest.mark.parametrize("shown", ["", "e1", "e1-d", "e-1-d0", "r", "7", "e1-d0\n", True, 1.5, []])
def test_what_can_not_be_read_decides_nothing(
    blocked: Run, operator_user: User, shown: Any
) -> None:
    code, sentence = refusal(partial(skip_run, seen=shown), blocked, operator_user)

    assert (code, sentence[:27]) == ("stale", "What was shown can't be rea")


def test_what_was_seen_elsewhere_decides_nothing(
    blocked: Run, scene: SceneMaker, operator_user: User
) -> None:
    play = scene("lost", slug="refund")
    other = play.happens(days=0)
    event = play.publish("43")
    foreign = other.mutation.evidence.get().pk

    for target, function, shown, words in (
        (blocked, skip_run, foreign, f"Evidence {foreign} is none of run {blocked.pk}."),
        (blocked, skip_run, "r1", "“r1” is what was shown of an event, not of a run."),
        (event, skip_event, "e0-d0", "“e0-d0” is what was shown of a run, not of an event."),
    ):
        code, sentence = refusal(partial(function, seen=shown), target, operator_user)
        assert (code, words in sentence) == ("stale", True)


def test_it_didnt_happen_needs_more_than_a_word_against_an_answer_that_says_it_did(
    blocked: Run, operator_user: User
) -> None:
    # Of several answers that say so the newest is quoted.
    Evidence.objects.create(mutation=blocked.mutation, kind="probe", verdict="applied")
    answer = late(blocked, "applied")
    at = clock(answer).removeprefix("on ")

    for shown in (None, seen(blocked)):
        assert refusal(partial(it_didnt_happen, seen=shown), blocked, operator_user) == (
            "contradicted",
            f"An answer that came too late said on {at} that it happened. Sent again, it may be done"
            " twice. If you are sure that this is wrong, say so.",
        )
    action = it_didnt_happen(
        blocked, actor=operator_user, reason="another payment", despite_contradiction=True
    )
    assert action.evidence_seen == answer
    assert Run.objects.filter(retry_of=blocked).exists()


def test_an_answer_that_says_no_contradicts_nobody_who_says_so_too(
    blocked: Run, operator_user: User
) -> None:
    late(blocked, "not_applied")

    it_didnt_happen(blocked, actor=operator_user, reason="not there", seen=seen(blocked))

    assert Run.objects.filter(retry_of=blocked).exists()


def test_of_a_run_that_carries_an_earlier_effect_its_answers_are_seen() -> None:
    rows = Rows()
    effect = rows.mutation(rows.run("failed"), "applied")
    answer = Evidence.objects.create(mutation=effect, kind="execute", verdict="applied")
    carrying = rows.run("failed", carried_mutation=effect, owes_retry=True)
    assert str(seen_now([carrying])[carrying.pk]) == f"e{answer.pk}-d0"


def test_what_is_seen_of_many_takes_two_queries(
    scene: SceneMaker, operator_user: User, django_assert_num_queries: Any
) -> None:
    runs = [scene("lost", slug=slug).happens(days=0) for slug in ("pay", "refund")]
    skip_run(runs[0], actor=operator_user, reason="by hand")
    newest_decision = add_note(runs[0], actor=operator_user, text="they were told")
    polled = Run.objects.filter(mutation=None).first()
    wanted = list(Run.objects.select_related("mutation", "carried_mutation").order_by("pk"))

    with django_assert_num_queries(2):
        found = seen_now(wanted)

    newest = runs[0].mutation.evidence.get().pk
    assert str(found[runs[0].pk]) == f"e{newest}-d{newest_decision.pk}"
    assert found[runs[1].pk].decision == 0
    assert polled is None or str(found[polled.pk]) == "e0-d0"
