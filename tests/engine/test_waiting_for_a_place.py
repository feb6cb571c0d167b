"""Runs that are prepared, and wait for the place of a call: none sends what must not be sent any more (P1, P2, P8)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet

from tests.engine.hosts import Door, Start, with_lanes
from tests.engine.stage import Deploy, row, runs, send, statuses
from tests.engine.worker import PATIENCE_SECONDS
from tests.eventually import eventually
from workflows_app.engine import host as host_module
from workflows_app.engine.claims import claim, release
from workflows_app.engine.host import Host
from workflows_app.engine.hosting import ThreadedHost
from workflows_app.engine.items import Item, Waits
from workflows_app.engine.places import Limits
from workflows_app.engine.turn import take_turn
from workflows_app.models import Breaker, Handler, Lease, Run
from workflows_app.models.clocks import database_now
from workflows_app.operations import close_breaker, pause_workflow, resume_workflow
from workflows_app.publishing import publish

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]

AT_ONCE, AHEAD = 2, 1


def _fill(host: ThreadedHost, door: Door, events: int = 5) -> Any:
    """Let calls take all places of the host, and a run wait for one."""
    for number in range(events):
        send(str(number))
    done = host.take(row().pk)
    eventually(lambda: (len(door.entered), len(_prepared())), (AT_ONCE, AHEAD))
    return done


def _steps(host: Host, *, until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS:g} s"
        host.step(wait=0.05)


def _prepared() -> list[Run]:
    return [run for run in runs() if run.phase == "preparing"]


def _given_back() -> list[tuple[str, int | None, int, int]]:
    return [
        (run.status, run.fencing_token, run.earlier_crashes, run.earlier_failures)
        for run in _prepared()
    ]


def _assert_given_back(door: Door, others: str = "consumed") -> None:
    """Assert that what waited has sent nothing, and that nothing but its lane shows it."""
    assert len(door.entered) == AT_ONCE
    assert _given_back() == [("active", None, 0, 0)]
    assert Counter(statuses().values()) == {others: AT_ONCE, "pending": 3}


def _why_given_back() -> str:
    (run,) = _prepared()
    return str(run.history.latest().history_change_reason)


def _goes_on(start: Start, door: Door) -> None:
    """Assert that the very run goes on, and all that is left with it."""
    (waited,) = _prepared()
    door.open()
    start(at_once=AT_ONCE).take(row().pk).result(timeout=30)
    assert "pending" not in statuses().values()
    assert len(door.entered) == len(runs()) == 5
    assert Run.objects.get(pk=waited.pk).status == "committed"


@pytest.mark.parametrize("is_ordered", [False, True])
def test_after_pause_is_committed_none_of_them_sends(
    start: Start, deploy: Deploy, door: Door, operator_user: User, is_ordered: bool
) -> None:
    deploy(with_lanes(door))
    host = start(at_once=AT_ONCE)
    done = _fill(host, door)
    for hand in host.holdings[row().pk].hands.values():
        # By a person, before the pause.
        hand.is_ordered = is_ordered
    pause_workflow(row(), actor=operator_user, reason="stocktaking")
    door.let(AT_ONCE)
    done.result(timeout=30)

    _assert_given_back(door)
    assert _why_given_back() == "not sent: the workflow is paused"
    assert not row().is_blocked
    resume_workflow(row(), actor=operator_user, reason="done")
    _goes_on(start, door)


def test_when_another_version_is_active_none_of_them_sends(
    start: Start, deploy: Deploy, door: Door
) -> None:
    deploy(with_lanes(door))
    done = _fill(start(at_once=AT_ONCE), door)
    new = with_lanes(door)
    new.version = "1.1"
    deploy(new)
    door.let(AT_ONCE)
    done.result(timeout=30)

    _assert_given_back(door)
    assert _why_given_back() == "not sent: another version is active"
    _goes_on(start, door)
    assert Counter(str(run.version) for run in runs()) == {"1.0": AT_ONCE, "1.1": 3}


def test_while_the_breaker_of_their_consumer_is_open_none_of_them_sends(
    start: Start, deploy: Deploy, door: Door, operator_user: User
) -> None:
    deploy(with_lanes(door, breaker_after_unknowns=1))
    done = _fill(start(at_once=AT_ONCE), door)
    door.answer = ConnectionError("reset by peer")
    door.let()
    eventually(_given_back, [("active", None, 0, 0)])
    door.let()
    done.result(timeout=30)

    _assert_given_back(door, others="reserved")
    assert _why_given_back() == "not sent: the circuit breaker of its consumer is open"
    assert row().lease.next_due_at is not None, "it is due when one is let through"
    door.answer = {}
    close_breaker(
        Handler.objects.get(kind="consumer"), actor=operator_user, reason="it is up again"
    )
    _goes_on(start, door)


def test_an_answer_that_opens_the_breaker_counts_for_what_is_prepared_which_is_the_trial_then(
    deploy: Deploy, door: Door
) -> None:
    deploy(with_lanes(door, breaker_after_unknowns=1, backoff_initial_seconds=0))
    host = Host(at_once=2)
    send("1")
    assert host.claim(row().pk)
    _steps(host, until=lambda: bool(door.entered))
    send("2")
    _steps(host, until=lambda: bool(_prepared()))
    eventually(host.inbox.qsize, 1)
    door.answer = ConnectionError("reset by peer")
    door.let()
    eventually(host.inbox.qsize, 2)
    host.step()
    assert [run.status for run in runs()] == ["blocked", "active"]
    assert (len(door.entered), _given_back()) == (1, [("active", None, 0, 0)])

    door.answer = {}
    door.open()
    _steps(host, until=lambda: not host.holdings)
    assert [run.status for run in runs()] == ["blocked", "committed"]
    history = Breaker.objects.get().history.order_by("history_id")
    assert [then.status for then in history] == ["open", "half_open", "closed"]


def test_a_run_is_no_trial_any_more_of_a_breaker_that_has_opened_again_since(
    deploy: Deploy, door: Door
) -> None:
    other = Door()
    deploy(with_lanes(door, breaker_after_unknowns=1, backoff_initial_seconds=0))
    deploy(with_lanes(other, slug="other"))
    host = Host(at_once=6)

    def arrives(slug: str, message_id: str) -> None:
        """Let an event arrive whose run finds no place, and waits: the other workflow's comes first."""
        publish(workflow=slug, topic="order.received", message_id=message_id, payload="a")
        _steps(host, until=lambda: _of(slug, message_id).filter(fencing_token=None).exists())

    for number in range(5):
        send(f"fails {number}")
    publish(workflow="other", topic="order.received", message_id="1", payload="a")
    assert host.claim(row().pk)
    _steps(host, until=lambda: len(door.entered) == 5)
    assert host.claim(row("other").pk)
    _steps(host, until=lambda: len(other.entered) == 1)
    door.answer = ConnectionError("reset by peer")
    for trial in ("first", "second"):
        entered = len(other.entered)
        arrives("other", f"before the {trial}")
        door.let()
        _steps(host, until=lambda before=entered: len(other.entered) > before)
        arrives("ship", trial)
    door.answer = {}
    other.let(2)
    _steps(host, until=lambda: len(door.entered) == 6)

    assert not _of("ship", "first").filter(mutation__isnull=False).exists()
    assert _of("ship", "second").get().mutation.status == "in_flight"
    for one in (door, other):
        one.open()
    _steps(host, until=lambda: not host.holdings)


def test_free_places_go_first_to_the_workflow_that_has_the_least_under_way(
    deploy: Deploy, door: Door
) -> None:
    deploy(with_lanes(door))
    deploy(with_lanes(door, slug="other"))
    host = Host(at_once=4)
    for number in range(2):
        send(str(number))
    assert host.claim(row().pk)
    _steps(host, until=lambda: len(door.entered) == 2)
    assert host.claim(row("other").pk)
    for number in range(2, 6):
        send(str(number))
        publish(workflow="other", topic="order.received", message_id=str(number), payload="a")
    for held in host.holdings.values():
        held.is_to_look = True
    host.step()
    assert Counter(Run.objects.values_list("workflow__slug", flat=True)) == {"ship": 2, "other": 4}
    door.open()
    _steps(host, until=lambda: not host.holdings)


def test_that_a_run_waits_is_written_no_more_once_its_call_is_under_way(
    deploy: Deploy, door: Door
) -> None:
    deploy(with_lanes(door))
    host = Host(at_once=1)
    send("1")
    assert host.claim(row().pk)
    _steps(host, until=lambda: bool(door.entered))
    held = host.holdings[row().pk]
    (hand,) = held.hands.values()
    late = Item(hand, Waits(in_hand=True))
    assert take_turn([held], [late], limits=Limits(may_begin=False)).steps == []
    door.open()
    _steps(host, until=lambda: not host.holdings)
    assert statuses() == {"1": "consumed"}


def test_what_came_back_of_a_claim_that_is_lost_is_not_written_under_the_next_one(
    deploy: Deploy, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was frozen has more to write than one turn takes, and claims the workflow anew meanwhile."""
    monkeypatch.setattr(host_module, "_LARGEST_TURN", 1)
    deploy(with_lanes(door, calls_at_once=1))
    host, pk = Host(at_once=2), row().pk
    for number in range(2):
        send(str(number))
    assert host.claim(pk)
    _steps(host, until=lambda: Run.objects.filter(fencing_token=None).exists())
    door.open()
    eventually(host.inbox.qsize, 1)
    Lease.objects.update(expires_at=database_now())
    other = claim(pk, holder="other")
    assert other is not None
    release([other.claim])
    _steps(host, until=lambda: not host.holdings)
    assert host.claim(pk)

    _steps(host, until=lambda: not host.holdings)
    # Which of the two was first in line is chance.
    assert sorted(statuses().values()) == ["consumed", "reserved"]
    assert len(door.entered) == 2


def _of(slug: str, lane: str) -> QuerySet[Run]:
    return Run.objects.filter(workflow__slug=slug, lane=lane)


def test_told_to_stop_a_host_waits_for_what_is_under_way_and_sends_nothing_more(
    start: Start, deploy: Deploy, door: Door
) -> None:
    deploy(with_lanes(door))
    host = start(at_once=AT_ONCE)
    done = _fill(host, door)

    stopped: list[bool] = []
    stopping = threading.Thread(target=lambda: stopped.append(host.stop(within_seconds=30)))
    stopping.start()
    eventually(_why_given_back, "not sent: its worker gives the workflow back")
    door.let(AT_ONCE)
    stopping.join(30)

    assert stopped == [True]
    assert done.result(timeout=1).has_more
    _assert_given_back(door)
    assert (row().lease.holder, Lease.objects.filter(next_due_at=None).count()) == ("", 0)
    _goes_on(start, door)


def test_runs_that_wait_for_other_calls_of_their_mutator_take_no_room_of_others(
    start: Start, deploy: Deploy, door: Door
) -> None:
    slow = Door()
    deploy(with_lanes(slow, calls_at_once=1))
    deploy(with_lanes(door, slug="quick"))
    for number in range(9):
        send(str(number))
        publish(workflow="quick", topic="order.received", message_id=str(number), payload="a")
    host = start(at_once=4)
    first = host.take(row().pk)
    eventually(lambda: (len(slow.entered), len(runs())), (1, 6))
    eventually(lambda: [run.waits_for_turn for run in _prepared()], [True] * 5)
    second = host.take(row("quick").pk)

    eventually(lambda: len(door.entered), 3)
    for one in (door, slow):
        one.open()
    second.result(timeout=30)
    first.result(timeout=30)
    assert slow.most == 1
    assert set(statuses().values()) == {"consumed"}
