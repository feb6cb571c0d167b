"""How the demo is ended by a signal, whatever it is doing at that moment."""

from __future__ import annotations

import os
import signal

import pytest

from tests.eventually import eventually
from workflows_app.demo.processes import ChildEnded, Children, EndedBySignal, ended_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_block(number: int) -> None:
    with pytest.raises(EndedBySignal) as ended, ended_by_signals():
        os.kill(os.getpid(), number)

    assert ended.value.exit_code == 128 + number


def test_a_call_that_fails_since_it_was_cut_short_is_not_reported_as_an_error_of_its_own() -> None:
    def cut_short() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            raise RuntimeError("can't change 'autocommit' now")

    with pytest.raises(EndedBySignal) as ended, ended_by_signals():
        cut_short()

    assert ended.value.exit_code == 128 + signal.SIGTERM
    assert ended.value.__suppress_context__


def test_an_error_without_a_signal_stays_an_error() -> None:
    with pytest.raises(RuntimeError, match="of its own"), ended_by_signals():
        raise RuntimeError("of its own")


def test_the_signals_mean_afterwards_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(EndedBySignal), ended_by_signals():
        os.kill(os.getpid(), signal.SIGTERM)

    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_is_not_heard_once_the_block_is_deaf() -> None:
    with ended_by_signals() as ending:
        ending.be_deaf()
        os.kill(os.getpid(), signal.SIGINT)

    assert ending.signal is None


def test_a_child_that_ends_is_started_again_and_given_up_when_it_ends_again_and_again() -> None:
    told: list[str] = []

    def keeps_up() -> bool:
        children.keep_up(told.append)
        return False

    with Children({}) as children:
        children.start("worker", "-c", "raise SystemExit(3)")
        with pytest.raises(ChildEnded) as ended:
            eventually(keeps_up, True)

    assert told == ["The worker had ended with exit code 3, and was started again."] * 3
    assert str(ended.value) == "The worker has ended again and again, at last with exit code 3."
