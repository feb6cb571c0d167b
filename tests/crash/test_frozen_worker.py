"""A worker is frozen past its lease, taken for dead, and comes back (P1, P3).

Its writes are refused, and its late answers are evidence that changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User

from tests.crash.scenario import TOPIC, Scenario, evidence_of, history_of
from tests.eventually import eventually
from workflows_app.models import Event, Run
from workflows_app.operations import it_didnt_happen, skip_run

LOST = "execute 1 unknown: the worker ended before the outcome was recorded"
NO_ANSWER = "late 1 unknown: no answer within 4 s"
POINTS = {
    "mute-late": "after",
    "mute-mistaken": "after",
    "asked-late": "after",
    "mute-next": "next",
    "mute-prepare": "prepare",
}


def test_a_worker_that_comes_back_from_the_dead_changes_nothing(
    scenario: Callable[..., Scenario], operator_user: User
) -> None:
    scene = scenario(*POINTS, call_timeout_seconds=4, lease_seconds=1)
    outside = scene.outside
    standing = [f"{slug}/{point}" for slug, point in POINTS.items()]
    outside.hold(*standing)
    first = scene.start_worker()
    outside.wait_for(*standing)
    first.freeze_between_transactions()
    outside.hold_no_more(*standing)
    second = scene.start_worker()

    same_run = "committed committed (applied)"
    blocked = "blocked mutating (indeterminate); 42 reserved; paid 42"
    told = {
        "mute-late": blocked,
        "mute-mistaken": blocked,
        "asked-late": f"{same_run}; 42 consumed; paid 42",
        "mute-next": "crashed mutated (applied); committed committed; 42 consumed; paid 42",
        "mute-prepare": f"crashed preparing; {same_run}; 42 consumed; paid 42",
    }
    eventually(scene.all_told, told)
    late, mistaken = scene.last_run("mute-late"), scene.last_run("mute-mistaken")
    asked = scene.last_run("asked-late")
    it_didnt_happen(mistaken, actor=operator_user, reason="not there")
    told["mute-mistaken"] = f"failed mutating (failed); {same_run}; 42 consumed; paid 42 42"
    eventually(scene.all_told, told)

    first.thaw()
    eventually(lambda: evidence_of(late), [LOST, NO_ANSWER])
    eventually(lambda: evidence_of(mistaken), [LOST, NO_ANSWER])
    eventually(lambda: evidence_of(asked), [LOST, "reconcile 1 applied: ", NO_ANSWER])
    outside.release(*standing)

    answer = "late 1 applied: "
    eventually(lambda: evidence_of(late), [LOST, NO_ANSWER, answer])
    eventually(lambda: evidence_of(mistaken), [LOST, NO_ANSWER, f"{answer} (contradicts)"])
    eventually(lambda: evidence_of(asked), [LOST, "reconcile 1 applied: ", NO_ANSWER, answer])
    eventually(lambda: first.log.read_text().count("claim.lost"), len(POINTS))
    assert scene.all_told() == told
    assert len({effect.key for effect in outside.paid("mute-mistaken")}) == 1

    # The person reads the late answer; and the worker is as good as any again.
    skip_run(late, actor=operator_user, reason="it was paid, says the late answer")
    told["mute-late"] = "committed committed (skipped); 42 skipped; paid 42"
    eventually(scene.all_told, told)
    assert history_of(late.mutation)[-1] == ("skipped: it was paid, says the late answer (olga)")
    second.kill()
    scene.publish("mute-late", "43")
    told["mute-late"] = (
        f"committed committed (skipped); {same_run}; 42 skipped; 43 consumed; paid 42 43"
    )
    eventually(scene.all_told, told)


def test_what_waits_for_a_place_in_a_frozen_worker_is_sent_by_another_one_alone(
    scenario: Callable[..., Scenario],
) -> None:
    scene = scenario("asked", call_timeout_seconds=4, lease_seconds=1, calls_at_once=1)
    lanes = [f"42-{number}" for number in range(1, 4)]
    for lane in lanes:
        scene.publish("asked", lane, lane=lane)
    scene.outside.hold("asked/after")
    first = scene.start_worker()
    waiting = Run.objects.filter(status="active", phase="preparing", fencing_token=None)
    eventually(waiting.count, len(lanes))
    waited = set(waiting.values_list("pk", flat=True))
    first.freeze_between_transactions()
    scene.outside.hold_no_more("asked/after")
    scene.start_worker()

    consumed = Event.objects.filter(topic__name=TOPIC, status="consumed")
    eventually(consumed.count, len(lanes) + 1)
    first.thaw()
    eventually(lambda: first.log.read_text().count("claim.lost"), 1)
    scene.outside.release("asked/after")
    scene.publish("asked", "43", lane="43")
    eventually(consumed.count, len(lanes) + 2)
    paid = [effect.invoice for effect in scene.outside.paid("asked")]
    assert sorted(paid) == ["42", *lanes, "43"]
    assert waited < set(Run.objects.filter(status="committed").values_list("pk", flat=True))


def test_a_worker_that_is_frozen_in_a_transaction_does_not_keep_its_locks(
    scenario: Callable[..., Scenario],
) -> None:
    scene = scenario("mute", lease_seconds=2)
    scene.outside.hold("mute/mutate")
    first = scene.start_worker()
    scene.outside.wait_for("mute/mutate")
    first.freeze_in_a_transaction()
    scene.outside.release("mute/mutate")
    scene.start_worker()

    again = "crashed preparing; committed committed (applied); 42 consumed; paid 42"
    eventually(lambda: scene.told("mute"), again)
    first.thaw()
    eventually(lambda: "database.away kind=unreachable" in first.log.read_text(), True)
    assert scene.told("mute") == again
    assert first.is_running
