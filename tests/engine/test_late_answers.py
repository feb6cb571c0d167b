"""An answer that comes after its time limit changes nothing, is kept, and is told if it contradicts.

P3: what a person decided stands; that the outside system says otherwise must be seen by somebody.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from tests.engine.stage import (
    Deploy,
    calling,
    evidence_of,
    host,
    last_run,
    mutator,
    reasons,
    row,
    runs,
    send,
    status_of,
)
from tests.eventually import eventually
from tests.owner import as_owner
from tests.rivals import Rival, sessions_that_wait, workflows_held
from workflows_app.engine.answers import Finding, Verdict
from workflows_app.engine.late import record_late
from workflows_app.models import Mutation
from workflows_app.models.clocks import database_now
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


def test_a_late_answer_waits_for_whoever_has_the_workflow_locked(deploy: Deploy) -> None:
    """And what it waits does not count as time in which the search of the outside may have caught up, or not."""
    lag = timedelta(seconds=30)
    deploy(calling(mutator(lambda params, key: {}, absence_is_proof_after=lag)))
    send()
    host()
    called = Mutation.objects.get()
    Mutation.objects.update(ended_at=database_now() - lag - timedelta(seconds=0.2))
    proven_for = time.monotonic() + 0.5
    absent = Finding(Verdict.NOT_APPLIED, "not there", is_of_question=True)
    sessions: set[int] = set()

    def record() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = '300ms'")
        record_late(called, absent)

    def has_come_again() -> bool:
        sessions.update(sessions_that_wait())
        return len(sessions) > 1 and time.monotonic() > proven_for

    with workflows_held(row().pk):
        rival = Rival(record)
        eventually(has_come_again, True)
    rival.result()

    assert evidence_of(called)[1:] == [("late", "not_applied", "not there", 1)]
    assert called.evidence.get(kind="late").contradicts


def test_an_answer_to_a_call_that_the_database_has_lost_is_told_with_its_key(
    deploy: Deploy, caplog: pytest.LogCaptureFixture
) -> None:
    """A standby took over that has the claim, and lacks the run."""
    lost: list[str] = []

    def execute(params: Any, key: str) -> Any:
        lost.append(f"workflow=ship run={last_run().pk} mutator=carrier.ship key={key}")
        _lose_runs()
        return {"parcel": 7}

    deploy(calling(mutator(execute)))
    send()
    host()

    told = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert told == [f"mutation.forgotten {lost[0]} said=applied"]


def _lose_runs() -> None:
    with as_owner(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table in ("reservation", "mutation", "run"):
            cursor.execute(f"DELETE FROM workflows_app_{table}")


def test_late_answers_stand_in_a_line_by_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes a connection to the database, and an outage may end with hundreds of them."""
    begun, released, written = threading.Event(), threading.Event(), []
    under_way = Counter[int]()

    def write(called: Any, finding: Any, *, is_again: bool) -> None:
        workflow = called.run.workflow_id
        under_way[workflow] += 1
        if workflow == 7:
            begun.set()
            released.wait(FOREVER)
        written.append((workflow, under_way[workflow]))
        under_way[workflow] -= 1

    monkeypatch.setattr("workflows_app.engine.late._write_late", write)

    def come(workflow: int) -> threading.Thread:
        effect: Any = SimpleNamespace(run=SimpleNamespace(workflow_id=workflow))
        thread = threading.Thread(target=record_late, args=(effect, Finding(Verdict.APPLIED)))
        thread.start()
        return thread

    held_up = [come(7) for _ in range(5)]
    begun.wait(FOREVER)
    come(8).join(FOREVER)
    assert written == [(8, 1)]
    released.set()
    for thread in held_up:
        thread.join(FOREVER)
    assert written == [(8, 1), *[(7, 1)] * 5]
