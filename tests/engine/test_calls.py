"""A call of authors' code has a time limit, and what it answers later is not lost (P3)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from workflows_app.engine.calls import Answer, call_with_limit
from workflows_app.testing import SimulatedCrash

#: Long enough for any machine: no test that passes waits for it.
FOREVER = 60.0
SHORT = 0.02


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What a call can wait for that shall outlive its limit. Set at the end, whatever happens."""
    event = threading.Event()
    yield event
    event.set()


def _no_late_answer(answer: Answer) -> None:
    raise AssertionError(f"it was in time: {answer}")


def _call(function: Callable[[], Any]) -> Answer:
    return call_with_limit(function, seconds=FOREVER, on_late=_no_late_answer)


def test_a_value_comes_back_with_its_duration() -> None:
    answer = _call(lambda: {"parcel": 7})

    assert (answer.value, answer.error, answer.timed_out) == ({"parcel": 7}, None, False)
    assert 0 <= answer.duration_ms < FOREVER * 1000


def test_an_error_is_returned_and_not_raised() -> None:
    error = ValueError("no")

    def fails() -> None:
        raise error

    answer = _call(fails)
    assert (answer.value, answer.error, answer.timed_out) == (None, error, False)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), SimulatedCrash()])
def test_what_tells_the_process_to_end_is_raised(error: BaseException) -> None:
    def ends() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        _call(ends)
    assert raised.value is error


def test_no_answer_within_the_limit_is_a_time_out(released: threading.Event) -> None:
    answer = call_with_limit(
        lambda: released.wait(FOREVER), seconds=SHORT, on_late=lambda answer: None
    )

    assert (answer.value, answer.error, answer.timed_out) == (None, None, True)
    assert answer.duration_ms + 1 >= SHORT * 1000


@pytest.mark.parametrize("error", [None, ValueError("late"), SystemExit(3)])
def test_a_late_answer_is_handed_over_once(
    released: threading.Event, error: BaseException | None
) -> None:
    late: list[Answer] = []
    handed_over = threading.Event()

    def slow() -> str:
        released.wait(FOREVER)
        if error is not None:
            raise error
        return "done"

    def on_late(answer: Answer) -> None:
        late.append(answer)
        handed_over.set()

    assert call_with_limit(slow, seconds=SHORT, on_late=on_late).timed_out
    assert not late
    released.set()
    assert handed_over.wait(FOREVER)

    (answer,) = late
    assert answer.error is error
    assert answer.value == (None if error else "done")
    assert not answer.timed_out


def test_the_call_runs_in_a_thread_that_cannot_keep_the_worker_from_ending() -> None:
    thread = _call(threading.current_thread).value

    assert thread is not threading.current_thread()
    assert thread.daemon


def test_the_call_sees_the_context_of_the_worker() -> None:
    request = ContextVar("request", default="none")
    request.set("42")

    assert _call(request.get).value == "42"
