"""New code without a handler for what is unfinished: refused, or accepted with eyes open (P2, P6)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.engine.dying import Dies, crash
from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    NOW,
    RECEIVED,
    SHIPPED,
    Deploy,
    calling,
    code,
    consumer,
    fresh,
    host,
    last_run,
    producer,
    row,
    runs,
    send,
    status_of,
)
from workflows_app import registry
from workflows_app.engine.versions import sync
from workflows_app.errors import SyncRefused
from workflows_app.operations import skip_event
from workflows_app.publishing import publish
from workflows_app.sdk import Mutator, PrepareResult, Reconciliation, Workflow
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sound")]

BILL = consumer(
    lambda ctx, state: PrepareResult(ctx.peek(SHIPPED)),
    name="Bill",
    subscribes=[SHIPPED],
    publishes=[],
)
#: A version whose code no longer has the consumer of received orders.
WITHOUT = code(BILL, version="1.1")


def _refused(workflow: type[Workflow] = WITHOUT) -> str:
    with pytest.raises(SyncRefused) as refused:
        sync(workflow, now=NOW)
    assert refused.value.code == "orphans"
    assert str(row().active_version) == "1.0"
    return str(refused.value)


def _sentence(problems: str) -> str:
    return (
        f"ship 1.1 lacks what is still needed: {problems}. Keep it until that is done, or use"
        f" --accept-orphans."
    )


def test_a_topic_with_pending_events_keeps_its_consumer(
    deploy: Deploy, operator_user: User
) -> None:
    deploy(code(consumer()))
    for message_id in ("1", "2", "3"):
        event = send(message_id)
    skip_event(event, actor=operator_user, reason="a test order")

    assert _refused() == _sentence("topic 'order.received' has 2 pending event(s)")
    host()
    assert sync(WITHOUT, now=NOW).outcome == "repaired", "consumed and skipped ones hold nothing"


def test_another_consumer_may_take_the_topic_over(deploy: Deploy) -> None:
    deploy(code(consumer()))
    send()
    deploy(code(consumer(name="Dispatch"), version="1.1"))
    host()

    assert (status_of("1"), last_run().handler.name) == ("consumed", "Dispatch")


def test_a_producer_that_has_read_up_to_somewhere_keeps_its_name(deploy: Deploy) -> None:
    idle = producer(lambda ctx, state: None, name="Idle")
    deploy(code(producer(lambda ctx, state: {"page": 1}), idle))
    host()
    renamed = code(producer(lambda ctx, state: None, name="Fetch"), version="1.1")

    assert _refused(renamed) == _sentence("producer 'Import' has a state, from where it goes on")
    sync(renamed, now=NOW, accept_orphans=True)
    next_one = code(producer(lambda ctx, state: None, name="Fetch"), version="1.2")
    assert sync(next_one, now=NOW).outcome == "repaired", "what was accepted is not asked again"


def test_a_name_is_a_producer_s_or_a_consumer_s_for_good(deploy: Deploy) -> None:
    deploy(code(consumer(), producer(lambda ctx, state: None)))
    for name, was, now, handler in (
        ("Ship", "consumer", "producer", producer(lambda ctx, state: None, name="Ship")),
        ("Import", "producer", "consumer", consumer(name="Import")),
    ):
        with pytest.raises(SyncRefused) as refused:
            sync(code(handler, version="1.1"), now=NOW, accept_orphans=True)
        assert (refused.value.code, str(refused.value)) == (
            "other_kind",
            f"ship 1.1: '{name}' was a {was}, and is a {now} now. Give the {now} a name of its own.",
        )


@pytest.mark.parametrize(
    ("mutator", "status"),
    [
        (scripted("lost"), "blocked"),
        (Outside(RETRY, name="scripted").mutator, "reconciling"),
        (scripted("rejected"), "failed"),
    ],
    ids=["blocked", "reconciling", "failed"],
)
def test_an_unfinished_run_keeps_its_handler(
    deploy: Deploy, mutator: type[Mutator], status: str
) -> None:
    # Of another workflow: that is none of this one's.
    deploy(calling(scripted("lost", name="carrier.other"), slug="other"))
    publish(workflow="other", topic=RECEIVED, message_id="1", payload=0)
    host(slug="other")
    deploy(calling(mutator))
    send()
    host()
    held = "topic 'order.received' has 1 pending event(s); " if status == "failed" else ""

    unknown = "; mutator 'scripted' has 1 effect(s) with an unknown outcome"
    told = f"{held}run {last_run().pk} of 'Ship' is {status}"

    assert _refused() == _sentence(told + ("" if status == "failed" else unknown))


def test_accepted_orphans_stay_pending_and_come_back_with_their_consumer(deploy: Deploy) -> None:
    deploy(code(consumer()))
    event = send()
    with registry.override(WITHOUT):
        sync(WITHOUT, now=NOW, accept_orphans=True)
        assert host() == 0
    assert fresh(event).status == "pending"

    deploy(code(consumer(), version="1.2"))
    host()
    assert fresh(event).status == "consumed"


def test_a_failed_run_whose_handler_is_gone_holds_nothing(
    deploy: Deploy, operator_user: User
) -> None:
    deploy(calling(scripted("rejected")))
    send("1")
    host()
    sync(WITHOUT, now=NOW, accept_orphans=True, actor=operator_user)
    with registry.override(WITHOUT):
        send("2", topic=SHIPPED)
        host()

    assert (last_run().handler.name, status_of("2", SHIPPED)) == ("Bill", "consumed")
    assert (status_of("1"), row().is_blocked) == ("pending", False)
    newest = runs()[0].history.latest()
    assert (newest.history_change_reason, newest.history_user) == (
        "version 1.1 active (repaired)",
        operator_user,
    )


def test_what_is_found_to_have_happened_waits_for_its_next(deploy: Deploy) -> None:
    outside = Outside(RETRY, Reconciliation.applied({"parcel": 7}))
    deploy(calling(outside.mutator))
    event = send()
    host()
    without = code(BILL, calls=[outside.mutator], version="1.1")
    sync(without, now=NOW, accept_orphans=True)
    with registry.override(without):
        host(10)
        host(10**8)
    failed = last_run()

    assert (failed.status, failed.failure_kind) == ("failed", "logic")
    assert failed.failure_message == "LookupError: version 1.1 has no handler 'Ship'"
    assert (failed.mutation.status, fresh(event).reserved_by) == ("applied", failed)
    assert row().is_blocked

    sync(code(BILL, calls=[outside.mutator], version="1.2"), now=NOW, accept_orphans=True)
    assert last_run().owes_retry, "another version without it forgets nothing either"
    deploy(calling(outside.mutator, version="1.3"))
    host(10**8)
    assert [run.status for run in runs()] == ["failed", "committed"]
    assert (fresh(event).status, len(outside.sent)) == ("consumed", 1)


def test_what_was_applied_when_a_worker_died_waits_for_its_next_too(deploy: Deploy) -> None:
    called, dies = scripted("applied"), Dies()
    deploy(calling(called, lambda ctx, prepared, outcome: dies()))
    event = send()
    crash()
    without = code(BILL, calls=[called], version="1.1")
    sync(without, now=NOW, accept_orphans=True)
    with registry.override(without):
        host()
        host(10**8)
    assert (last_run().status, fresh(event).reserved_by) == ("crashed", last_run())

    deploy(calling(called, version="1.2"))
    host(10**8)
    assert [run.status for run in runs()] == ["crashed", "committed"]
    assert (fresh(event).status, len(called.calls)) == ("consumed", 1)


def test_what_a_version_without_the_mutator_cannot_ask_about_blocks(deploy: Deploy) -> None:
    outside = Outside(RETRY)
    deploy(calling(outside.mutator))
    send()
    host()
    without = code(consumer(), version="1.1")
    sync(without, now=NOW, accept_orphans=True)
    with registry.override(without):
        host(10)

    assert (last_run().status, last_run().mutation.status) == ("blocked", "indeterminate")
    assert last_run().history.latest().history_change_reason == (
        "version 1.1 can't ask about carrier.ship"
    )
    assert len(outside.asked) == 1


def test_events_of_a_topic_that_nobody_takes_are_published_all_the_same(deploy: Deploy) -> None:
    deploy(code(consumer()))
    send("1", topic=SHIPPED)

    assert host() == 0
    assert status_of("1", SHIPPED) == "pending"
    assert not row().topics.get(name=RECEIVED).events.exists()
