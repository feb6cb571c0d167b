"""An answer that comes after its time limit changes nothing, is kept, and is told if it contradicts.

P3: what a person decided stands; that the outside system says otherwise must be seen by somebody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import (
    Deploy,
    calling,
    evidence_of,
    host,
    last_run,
    mutator,
    reasons,
    runs,
    send,
    status_of,
)
from workflows_app.models import Mutation, Run
from workflows_app.operations import it_didnt_happen, skip_run
from workflows_app.sdk import NotApplied, Reconciliation

pytestmark = pytest.mark.django_db(transaction=True)

SHORT = {"call_timeout_seconds": 0.05}
#: Enough for a call that answers at once, on a busy machine.
FAIR = {"call_timeout_seconds": 0.5}
FOREVER = 60.0


class _SlowCall:
    """An outside call that answers only when it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.answer: Any = None

    def __call__(self, params: Any, key: str) -> Any:
        self.released.wait(FOREVER)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def answers(self, answer: Any) -> None:
        """Let it answer, and wait until the host has heard it."""
        self.answer = answer
        self.released.set()
        for thread in threading.enumerate():
            if thread.name == "workflows-call":
                thread.join(FOREVER)
                assert not thread.is_alive()


@pytest.fixture
def slow() -> Iterator[_SlowCall]:
    call = _SlowCall()
    yield call
    call.answers(None)


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_superuser("sara")


def _leave_it(run: Run, person: User) -> None:
    """Nobody decides."""


def _assert_no(run: Run, person: User) -> None:
    it_didnt_happen(run, actor=person, reason="not in the bank's list")


def _skip(run: Run, person: User) -> None:
    skip_run(run, actor=person, reason="the order was cancelled")


YES, NO, ERROR = {"parcel": 7}, NotApplied("no such account"), ValueError("gone")

#: What a person does, what the late answer is, what the ledger then says, and what is told of it.
SETTLED: dict[str, tuple[Callable[[Run, User], None], Any, str, bool]] = {
    "nobody decided, and it happened": (_leave_it, YES, "indeterminate", False),
    "nobody decided, and it did not happen": (_leave_it, NO, "indeterminate", False),
    "a person said no, and it happened": (_assert_no, YES, "failed", True),
    "a person said no, and it did not happen": (_assert_no, NO, "failed", False),
    "a person said no, and an error came": (_assert_no, ERROR, "failed", False),
    "a person skipped it, and it happened": (_skip, YES, "skipped", False),
}
SAID = {
    id(YES): ("late", "applied", "", 1),
    id(NO): ("late", "not_applied", "no such account", 1),
    id(ERROR): ("late", "unknown", "ValueError: gone", 1),
}


@pytest.mark.parametrize("what", SETTLED)
def test_a_late_answer_is_kept_as_evidence_and_changes_nothing(
    deploy: Deploy,
    slow: _SlowCall,
    person: User,
    caplog: pytest.LogCaptureFixture,
    what: str,
) -> None:
    decide, answer, status, contradicts = SETTLED[what]
    deploy(calling(mutator(slow, policy=SHORT)))
    send()
    host()
    run = last_run()
    assert run.status == "blocked"
    decide(run, person)
    before = [(item.status, item.phase) for item in runs()], status_of("1")
    history = reasons(run.mutation)
    with caplog.at_level(logging.WARNING):
        slow.answers(answer)

    mutation = Mutation.objects.get()
    assert evidence_of(mutation) == [
        ("execute", "unknown", "no answer within 0.05 s", 1),
        SAID[id(answer)],
    ]
    late = mutation.evidence.get(kind="late")
    assert late.contradicts is contradicts
    assert (late.duration_ms or 0) >= 50
    assert (mutation.status, mutation.result) == (status, None)
    assert ([(item.status, item.phase) for item in runs()], status_of("1")) == before
    assert reasons(mutation) == history
    level, name = (
        (logging.ERROR, "contradicted") if contradicts else (logging.WARNING, "late_answer")
    )
    assert caplog.record_tuples[-1] == (
        "workflows_app",
        level,
        f"mutation.{name} workflow=ship run={run.pk} mutation={mutation.pk}"
        f" said={late.verdict} ledger={status}",
    )


def _asked(deploy: Deploy, slow: _SlowCall, found: Any) -> None:
    deploy(calling(mutator(slow, lambda params, key: found, policy=FAIR)))
    send()
    host()


@pytest.mark.parametrize(
    ("found", "answer", "status"),
    [
        (Reconciliation.applied(), NO, "applied"),
        (Reconciliation.not_applied(), YES, "failed"),
    ],
    ids=["it was found", "it was not found"],
)
def test_a_late_answer_that_contradicts_the_outside_system_itself_is_flagged(
    deploy: Deploy, slow: _SlowCall, found: Any, answer: Any, status: str
) -> None:
    _asked(deploy, slow, found)
    slow.answers(answer)
    mutation = Mutation.objects.get()

    assert (mutation.status, mutation.resolved_by) == (status, "reconcile")
    assert mutation.evidence.get(kind="late").contradicts


def test_a_late_answer_while_the_host_still_asks_does_not_settle_it(
    deploy: Deploy, slow: _SlowCall
) -> None:
    _asked(deploy, slow, Reconciliation.retry("not yet"))
    slow.answers(YES)

    assert (last_run().status, last_run().mutation.status) == ("reconciling", "needs_reconcile")
    assert [kind for kind, *_ in evidence_of(last_run().mutation)] == [
        "execute",
        "reconcile",
        "late",
    ]


def test_a_late_answer_of_reconcile_is_kept_and_the_attempt_counts_once(
    deploy: Deploy, slow: _SlowCall
) -> None:
    def lost(params: Any, key: str) -> Any:
        raise ConnectionError("reset")

    deploy(calling(mutator(lost, slow, policy=FAIR)))
    send()
    host()
    slow.answers(Reconciliation.applied())
    mutation = last_run().mutation

    assert (mutation.status, mutation.reconcile_attempts) == ("needs_reconcile", 1)
    assert evidence_of(mutation) == [
        ("execute", "unknown", "ConnectionError: reset", 1),
        ("reconcile", "unknown", "no answer within 0.5 s", 1),
        ("late", "applied", "", 1),
    ]


def test_a_call_that_ends_its_thread_late_is_kept_as_unknown(
    deploy: Deploy, slow: _SlowCall
) -> None:
    def ends(params: Any, key: str) -> Any:
        slow.released.wait(FOREVER)
        raise SystemExit

    deploy(calling(mutator(ends, policy=SHORT)))
    send()
    host()
    slow.answers(None)

    assert evidence_of(Mutation.objects.get())[1:] == [("late", "unknown", "SystemExit: ", 1)]
