"""A worker dies while it carries out a person's decision: the decision stands (P1, P2, P4)."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User

from tests.crash.scenario import TOPIC, Scenario, evidence_of, history_of
from tests.eventually import eventually
from workflows_app.models import Event
from workflows_app.operations import it_didnt_happen, retry_failed_run, skip_run, try_again

BLOCKED = "blocked mutating (indeterminate); 42 reserved; paid nothing"
REJECTED = "failed mutating (failed); 42 pending; paid nothing"
#: Where the worker stands in each workflow when it dies, while it does what a person decided.
POINTS = {
    "mute-repeated": "mutate",
    "mute-skipped": "next",
    "asked-again": "lookup",
    "mute-retried": "prepare",
}
#: Decided while there is no worker.
ALONE = "mute-alone"


def test_a_decision_is_carried_out_by_the_next_worker(
    scenario: Callable[..., Scenario], operator_user: User
) -> None:
    scene = scenario(*POINTS, ALONE)
    outside = scene.outside
    outside.refusing.update(dict.fromkeys(scene.slugs, 500), **{"mute-retried": 422})
    outside.evading["asked-again"] = 503
    first = scene.start_worker()
    before = dict.fromkeys(scene.slugs, BLOCKED) | {"mute-retried": REJECTED}
    eventually(scene.all_told, before)

    outside.refusing.clear()
    outside.evading.clear()
    standing = [f"{slug}/{point}" for slug, point in POINTS.items()]
    outside.hold(*standing)
    runs = {slug: scene.last_run(slug) for slug in scene.slugs}
    who = {"actor": operator_user}
    it_didnt_happen(runs["mute-repeated"], reason="not there", **who)
    skip_run(runs["mute-skipped"], reason="no longer wanted", **who)
    try_again(runs["asked-again"], reason="the bank is up again", **who)
    retry_failed_run(runs["mute-retried"], reason="the account is open now", **who)
    outside.wait_for(*standing)
    first.kill()
    outside.drop(*standing)
    it_didnt_happen(runs[ALONE], reason="not there either", **who)
    scene.start_worker()

    sure_no = "failed mutating (failed)"
    paid = "committed committed (applied); 42 consumed; paid 42"
    eventually(
        scene.all_told,
        {
            "mute-repeated": f"{sure_no}; crashed prepared; {paid}",
            "mute-skipped": "crashed mutated (skipped); committed committed;"
            " 42 skipped; paid nothing",
            "asked-again": f"{sure_no}; {paid}",
            "mute-retried": f"{sure_no}; crashed preparing; {paid}",
            ALONE: f"{sure_no}; {paid}",
        },
    )

    first_run = runs["mute-repeated"]
    last_run = scene.last_run("mute-repeated")
    crashed = first_run.retry
    assert last_run.retry_of == crashed
    assert last_run.mutation.idempotency_key == first_run.mutation.idempotency_key
    assert last_run.prepare_result == first_run.prepare_result
    event = Event.objects.get(topic__workflow__slug="mute-repeated", topic__name=TOPIC)
    assert history_of(event) == [
        "pending: published by the application",
        f"reserved: reserved by run {first_run.pk}",
        "reserved: not there (olga)",
        f"reserved: retry of run {crashed.pk}",
        f"consumed: consumed by run {last_run.pk}",
    ]

    skipped = scene.last_run("mute-skipped")
    assert skipped.handler.state == {"last": ["42", "skipped"]}
    told = Event.objects.get(topic__workflow__slug="mute-skipped", topic__name="invoice.paid")
    assert told.payload == {"outcome": "skipped"}

    # The lookup that nobody heard the answer of counts for nothing.
    assert [line.partition(":")[0] for line in evidence_of(runs["asked-again"])] == [
        "execute 1 unknown",
        "reconcile 1 unknown",
        "reconcile 2 unknown",
        "reconcile 3 unknown",
        "reconcile 1 not_applied",
    ]
