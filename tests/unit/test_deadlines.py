"""Until when the host waits for a call: known within the call, and only there (P1)."""

from __future__ import annotations

from contextvars import copy_context

from workflows_app.sdk.deadlines import limit_call, machine_seconds, seconds_left


def left_after(seconds: float) -> float | None:
    limit_call(seconds)
    return seconds_left()


def test_outside_of_a_call_there_is_no_limit() -> None:
    assert seconds_left() is None


def test_within_a_call_the_time_left_runs_down_but_not_below_zero() -> None:
    before = machine_seconds()
    left = copy_context().run(left_after, 30.0)
    passed = machine_seconds() - before

    assert left is not None
    assert 30.0 - passed <= left <= 30.0
    assert copy_context().run(left_after, -1.0) == 0.0


def test_the_limit_of_one_call_is_not_seen_by_another() -> None:
    copy_context().run(limit_call, 30.0)

    assert seconds_left() is None
