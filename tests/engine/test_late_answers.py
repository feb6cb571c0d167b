"""An answer that comes after its time limit changes nothing, is kept, and is told if it contradicts.

P3: what a person decided stands; that the outside system says otherwise must be seen by somebody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
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
from workflows_app.models import Mutation
from workflows_app.operations import it_didnt_happen
from workflows_app.sdk import Reconciliation

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


def test_a_late_answer_is_kept_as_evidence_and_changes_nothing(
    deploy: Deploy, slow: _SlowCall, caplog: pytest.LogCaptureFixture
) -> None:
    person = User.objects.create_superuser("sara")
    deploy(calling(mutator(slow, policy=SHORT)))
    send()
    host()
    run = last_run()
    it_didnt_happen(run, actor=person, reason="not in the bank's list")
    before = [(item.status, item.phase) for item in runs()], status_of("1"), reasons(run.mutation)
    with caplog.at_level(logging.WARNING):
        slow.answers({"parcel": 7})

    mutation = Mutation.objects.get()
    late = mutation.evidence.get(kind="late")
    assert evidence_of(mutation) == [
        ("execute", "unknown", "no answer within 0.05 s", 1),
        ("late", "applied", "", 1),
    ]
    assert late.contradicts
    assert (late.duration_ms or 0) >= 50
    assert (mutation.status, mutation.result) == ("failed", None)
    after = [(item.status, item.phase) for item in runs()], status_of("1"), reasons(mutation)
    assert after == before
    assert caplog.record_tuples[-1] == (
        "workflows_app",
        logging.ERROR,
        f"mutation.contradicted workflow=ship run={run.pk} mutation={mutation.pk}"
        f" said=applied ledger=failed",
    )


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
