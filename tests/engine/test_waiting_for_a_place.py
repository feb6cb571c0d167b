"""Runs that are prepared, and wait for the place of a call: none sends what must not be sent any more (P1, P2, P8)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.hosts import Door, Start, with_lanes
from tests.engine.stage import Deploy, row, runs, send, statuses
from tests.engine.worker import PATIENCE_SECONDS
from tests.eventually import eventually
from workflows_app.engine.host import Host
from workflows_app.engine.hosting import ThreadedHost
from workflows_app.models import Breaker, Handler, Lease, Run
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


def test_after_pause_is_committed_none_of_them_sends(
    start: Start, deploy: Deploy, door: Door, operator_user: User
) -> None:
    deploy(with_lanes(door))
    done = _fill(start(at_once=AT_ONCE), door)
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


def test_told_to_stop_a_host_waits_for_what_is_under_way_and_sends_nothing_more(
    start: Start, deploy: Deploy, door: Door
) -> None:
    deploy(with_lanes(door))
    host = start(at_once=AT_ONCE)
    done = _fill(host, door)

    stopped: list[bool] = []
    stopping = threading.Thread(target=lambda: stopped.append(host.stop(within_seconds=30)))
    stopping.start()
    eventually(_given_back, [("active", None, 0, 0)])
    door.let(AT_ONCE)
    stopping.join(30)

    assert stopped == [True]
    assert done.result(timeout=1).has_more
    _assert_given_back(door)
    assert _why_given_back() == "not sent: its worker gives the workflow back"
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
    second = host.take(row("quick").pk)

    eventually(lambda: len(door.entered), 3)
    for one in (door, slow):
        one.open()
    second.result(timeout=30)
    first.result(timeout=30)
    assert slow.most == 1
    assert set(statuses().values()) == {"consumed"}
