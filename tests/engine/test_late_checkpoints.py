"""A checkpoint in one round trip: what it can't see is refused, and looked at again (P1, P2).

Its COMMIT is on its way before anything is locked. So a session that was given up may bring it late,
and what this worker remembers of its claim may no longer be true when it is written.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.engine.stage import (
    RECEIVED,
    Deploy,
    calling,
    code,
    consumer,
    host,
    last_run,
    mutator,
    runs,
    send,
    status_of,
)
from workflows_app.engine import ledger, prepare
from workflows_app.engine.work import Work, load
from workflows_app.models import Event, Lease, Mutation
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
)
from workflows_app.testing import scripted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]


def _nothing(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
    return None


class _Late:
    """Keeps what the first checkpoint was about, and brings it once more, as another session would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, after_the_outcome: bool) -> None:
        self.is_written: list[bool] = []
        self._after = after_the_outcome
        self._kept: tuple[Any, ...] = ()
        self._checkpoint, self._settle = prepare._checkpoint, ledger.settle_execute
        monkeypatch.setattr(prepare, "_checkpoint", self._keep)
        monkeypatch.setattr(ledger, "settle_execute", self._bring)

    def _keep(self, work: Work, result: Any, call: Any, seen: Any, again: bool) -> Any:
        unchanged = {pk: Event.objects.get(pk=pk) for pk in seen}
        self._kept = (
            replace(work, run=load(work.run.pk, work.run.workflow)),
            result,
            call,
            unchanged,
        )
        return self._checkpoint(work, result, call, seen, again)

    def _bring(self, *arguments: Any) -> bool:
        if not self._after:
            self.is_written.append(prepare._reserved_unseen(*self._kept))
        goes_on = self._settle(*arguments)
        if self._after:
            self.is_written.append(prepare._reserved_unseen(*self._kept))
        return goes_on


def test_a_checkpoint_is_made_once_though_a_session_that_was_given_up_brings_it_too(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = _Late(monkeypatch, after_the_outcome=False)
    deploy(calling(scripted("applied"), _nothing))
    send()
    host()

    assert late.is_written == [False]
    assert [run.status for run in runs()] == ["committed"]
    assert Mutation.objects.count() == 1


def test_a_late_checkpoint_does_not_reserve_what_its_failed_run_released(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = _Late(monkeypatch, after_the_outcome=True)
    deploy(calling(scripted("rejected"), _nothing))
    event = send()
    host()

    assert late.is_written == [False]
    assert (last_run().status, status_of("1")) == ("failed", "pending")
    assert (event.reservations.count(), Mutation.objects.count()) == (1, 1)


@pytest.mark.parametrize("message_id", ["first", "second"])
def test_the_claim_outlasts_the_call_though_it_is_shorter_than_this_worker_remembers(
    deploy: Deploy, message_id: str
) -> None:
    """The first checkpoint of a slice extends the claim; the next one relies on that."""
    lasts: list[bool] = []

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        events = ctx.peek(RECEIVED, limit=1)
        if [event.message_id for event in events] == [message_id]:
            Lease.objects.update(expires_at=Now() + timedelta(seconds=1))
        return PrepareResult(events)

    def execute(params: Any, key: str) -> Any:
        until = Now() + timedelta(seconds=60)
        lasts.append(Lease.objects.filter(expires_at__gt=until).exists())

    called = mutator(execute, policy={"call_timeout_seconds": 60})
    deploy(
        code(consumer(prepare, lambda prepared: MutationCall(called, {}), _nothing), calls=[called])
    )
    send("first")
    send("second")
    host()

    assert (status_of("first"), status_of("second")) == ("consumed", "consumed")
    assert lasts == [True, True]
