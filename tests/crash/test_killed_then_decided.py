"""After a kill, a blocked run waits for a person, however long, and ends as the person says (P1 to P4)."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User

from tests.crash.scenario import Scenario, evidence_of, history_of
from tests.eventually import eventually
from tests.jobs import jobs
from workflows_app.models import OperatorAction
from workflows_app.operations import it_didnt_happen, skip_run, try_again
from workflows_app.waking import ADVANCE_TASK

LOST = "the worker ended before the outcome was recorded"
CANT_ASK = f"outcome unknown, and nobody can be asked: {LOST}"
BLOCKED = "blocked mutating (indeterminate); 42 reserved"
NEXT_INVOICE = "committed committed (applied); 42 consumed; 43 consumed"
POINTS = {
    "mute-repeated": "before",
    "mute-mistaken": "after",
    "mute-skipped": "after",
    "asked-again": "after",
}


def test_a_blocked_run_waits_for_a_person_and_ends_as_the_person_says(
    scenario: Callable[..., Scenario], operator_user: User
) -> None:
    scene = scenario(*POINTS)
    outside = scene.outside
    outside.evading["asked-again"] = 503
    with scene.standing(POINTS) as first:
        first.kill()
    scene.start_worker()
    eventually(
        scene.all_told,
        {
            "mute-repeated": f"{BLOCKED}; paid nothing",
            "mute-mistaken": f"{BLOCKED}; paid 42",
            "mute-skipped": f"{BLOCKED}; paid 42",
            "asked-again": f"{BLOCKED}; paid 42",
        },
    )

    # Whatever arrives, and as often as the host looks: it stays as it is.
    for slug in POINTS:
        scene.publish(slug, "43")
    eventually(_jobs_of_workflows, [])
    assert scene.all_told() == {
        "mute-repeated": f"{BLOCKED}; 43 pending; paid nothing",
        "mute-mistaken": f"{BLOCKED}; 43 pending; paid 42",
        "mute-skipped": f"{BLOCKED}; 43 pending; paid 42",
        "asked-again": f"{BLOCKED}; 43 pending; paid 42",
    }
    assert outside.lookups == ["asked-again"] * 3

    outside.evading.clear()
    blocked = {slug: scene.last_run(slug) for slug in POINTS}
    who = {"actor": operator_user}
    it_didnt_happen(blocked["mute-repeated"], reason="the bank has no such payment", **who)
    it_didnt_happen(blocked["mute-mistaken"], reason="looked at the wrong account", **who)
    skip_run(blocked["mute-skipped"], reason="paid by cheque instead", **who)
    try_again(blocked["asked-again"], reason="the bank is up again", **who)
    eventually(
        scene.all_told,
        {
            "mute-repeated": "failed mutating (failed); committed committed (applied);"
            f" {NEXT_INVOICE}; paid 42 43",
            "mute-mistaken": "failed mutating (failed); committed committed (applied);"
            f" {NEXT_INVOICE}; paid 42 42 43",
            "mute-skipped": "committed committed (skipped); committed committed (applied);"
            " 42 skipped; 43 consumed; paid 42 43",
            "asked-again": f"committed committed (applied); {NEXT_INVOICE}; paid 42 43",
        },
    )

    # The bank could have known that it is the same payment.
    first_key, second_key, _other = [effect.key for effect in outside.paid("mute-mistaken")]
    assert first_key == second_key

    run = blocked["mute-repeated"]
    run.refresh_from_db()
    assert history_of(run) == [
        "active: started",
        "active: about to call mute.pay",
        f"blocked: {CANT_ASK}",
        "failed: the bank has no such payment (olga)",
    ]
    assert evidence_of(run) == [f"execute 1 unknown: {LOST}"]
    assert history_of(run.retry.mutation) == [
        "in_flight: about to be sent",
        "applied: it happened, by the answer to the call",
    ]

    run = blocked["mute-skipped"]
    run.refresh_from_db()
    assert history_of(run.mutation) == [
        "in_flight: about to be sent",
        f"indeterminate: {CANT_ASK}",
        "skipped: paid by cheque instead (olga)",
    ]
    assert run.handler.state == {"last": ["43", "applied"]}

    run = blocked["asked-again"]
    evaded = "the lookup answered 503"
    assert evidence_of(run) == [
        f"execute 1 unknown: {LOST}",
        f"reconcile 1 unknown: {evaded}",
        f"reconcile 2 unknown: {evaded}",
        f"reconcile 3 unknown: {evaded}",
        "reconcile 1 applied: ",
    ]
    run.mutation.refresh_from_db()
    assert history_of(run.mutation) == [
        "in_flight: about to be sent",
        f"needs_reconcile: outcome unknown: {LOST}",
        f"needs_reconcile: still unknown, attempt 1: {evaded}",
        f"needs_reconcile: still unknown, attempt 2: {evaded}",
        f"indeterminate: still unknown after 3 attempts: {evaded}",
        "needs_reconcile: the bank is up again (olga)",
        "applied: it happened, by asking the outside system",
    ]
    assert list(
        OperatorAction.objects.order_by("pk").values_list("operation", "run_id", "actor__username")
    ) == [
        ("it_didnt_happen", blocked["mute-repeated"].pk, "olga"),
        ("it_didnt_happen", blocked["mute-mistaken"].pk, "olga"),
        ("skip_run", blocked["mute-skipped"].pk, "olga"),
        ("try_again", blocked["asked-again"].pk, "olga"),
    ]


def _jobs_of_workflows() -> list[str]:
    return [job for job in jobs() if ADVANCE_TASK in job]
