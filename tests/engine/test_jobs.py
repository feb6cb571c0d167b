"""A call of authors' code has a time limit, and what it answers later is not lost (P3)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from queue import SimpleQueue
from typing import Any

import pytest

from workflows_app.engine.jobs import Answer, Job, Worker, hanging

#: A thread that waits for its next job may have a connection from the test before.
pytestmark = pytest.mark.django_db

#: Long enough for any machine: no test that passes waits for it.
FOREVER = 60.0
SHORT = 0.02


def _no_late_answer(answer: Answer) -> None:
    raise AssertionError(f"it was in time: {answer}")


def _call(function: Callable[[], Any]) -> Answer:
    """Let a thread do it, and wait for its end."""
    answers: SimpleQueue[Answer] = SimpleQueue()
    Worker.start(Job(function, seconds=FOREVER, done=answers.put, late=_no_late_answer))
    return answers.get(timeout=FOREVER)


def _no_answer_in_time(answer: Answer) -> None:
    raise AssertionError(f"nobody waited for it any more: {answer}")


def test_a_value_comes_back_with_its_duration() -> None:
    answer = _call(lambda: {"parcel": 7})

    assert (answer.value, answer.error, answer.timed_out) == ({"parcel": 7}, None, False)
    assert 0 <= answer.duration_ms < FOREVER * 1000


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_an_error_is_returned_and_not_raised(error: BaseException) -> None:
    def fails() -> None:
        raise error

    answer = _call(fails)
    assert (answer.value, answer.error, answer.timed_out) == (None, error, False)


def test_a_job_that_is_given_up_has_no_answer(released: threading.Event) -> None:
    job = Job(
        lambda: released.wait(FOREVER),
        seconds=SHORT,
        done=_no_answer_in_time,
        late=lambda answer: None,
    )
    Worker.start(job)
    answer = job.give_up()

    assert answer is not None
    assert (answer.value, answer.error, answer.timed_out) == (None, None, True)
    assert job.give_up() is None, "it is given up once"


def test_a_job_that_takes_long_holds_up_none_that_comes_with_it(released: threading.Event) -> None:
    """Jobs wait in one line: whoever takes one has another thread look for the next."""
    done: SimpleQueue[int] = SimpleQueue()

    def start(number: int) -> None:
        def work() -> None:
            if number % 2:
                released.wait(FOREVER)
            else:
                done.put(number)

        Worker.start(Job(work, seconds=FOREVER, done=lambda _: None, late=_no_late_answer))

    for number in range(20):
        start(number)

    assert sorted(done.get(timeout=FOREVER) for _ in range(10)) == list(range(0, 20, 2))


def test_a_job_that_has_ended_is_not_given_up() -> None:
    answers: SimpleQueue[Answer] = SimpleQueue()
    job = Job(lambda: "done", seconds=FOREVER, done=answers.put, late=_no_late_answer)
    Worker.start(job)

    assert answers.get(timeout=FOREVER).value == "done"
    assert job.give_up() is None


@pytest.mark.parametrize("error", [None, ValueError("late"), SystemExit(3)])
def test_a_late_answer_is_handed_over_once(
    released: threading.Event, error: BaseException | None
) -> None:
    late: SimpleQueue[Answer] = SimpleQueue()

    def slow() -> str:
        released.wait(FOREVER)
        if error is not None:
            raise error
        return "done"

    job = Job(slow, seconds=SHORT, done=_no_answer_in_time, late=late.put)
    before = hanging()
    Worker.start(job)
    job.give_up()
    assert (late.empty(), hanging()) == (True, before + 1)
    released.set()
    answer = late.get(timeout=FOREVER)

    assert hanging() == before
    assert answer.error is error
    assert answer.value == (None if error else "done")
    assert (answer.timed_out, late.empty()) == (False, True)


def test_the_call_runs_in_a_thread_that_cannot_keep_the_worker_from_ending() -> None:
    thread = _call(threading.current_thread).value

    assert thread is not threading.current_thread()
    assert thread.daemon


def test_the_call_sees_the_context_of_the_worker() -> None:
    request = ContextVar("request", default="none")
    request.set("42")

    assert _call(request.get).value == "42"


def test_an_answer_is_told_though_its_thread_fails_afterwards() -> None:
    answers: list[Answer] = []

    def fails() -> None:
        raise ConnectionError("the database is away")

    job = Job(lambda: "done", seconds=FOREVER, done=answers.append, late=_no_late_answer)
    with pytest.raises(ConnectionError):
        job.run(afterwards=fails)

    assert [answer.value for answer in answers] == ["done"]
