"""Handing the next piece of a run to a thread, and reading what comes back (P1, P3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection
from psycopg.pq import TransactionStatus

from workflows_app.engine import answers, phases
from workflows_app.engine.holding import Hand
from workflows_app.engine.items import Asked, Called, CantAsk, Item, Naming, Taken
from workflows_app.engine.jobs import Answer, Job
from workflows_app.engine.late import record_late
from workflows_app.engine.log import log
from workflows_app.engine.outcomes import Todo
from workflows_app.engine.pending import LaneReader
from workflows_app.engine.phases import Broke, Finished, Hung, Polled
from workflows_app.engine.turn import Clock, Overtaken, commit_alone
from workflows_app.errors import EndedTransaction
from workflows_app.models import Run
from workflows_app.outages import outage_of
from workflows_app.publishing import store_all
from workflows_app.sdk.handlers import Consumer


@dataclass(frozen=True)
class CommittedAlone:
    """A run that wrote rows of its own has committed by itself; this is what its turn did."""

    hand: Hand
    taken: Taken


@dataclass(frozen=True)
class LetGo:
    """Whether a run committed by itself is not known, or somebody else has ended it: its rows tell."""

    hand: Hand


@dataclass(frozen=True)
class Died:
    """Authors' code has ended the process, as far as the host is concerned."""

    hand: Hand
    error: BaseException


Message = Item | Naming | CommittedAlone | LetGo | Died


class Hander:
    """Makes jobs of what runs do next. `tell` gets what comes of them, in any thread."""

    def __init__(self, tell: Callable[[Any], None], clock: Clock | None, *, may_die: bool) -> None:
        self._tell = tell
        self._clock = clock
        #: An error that no ordinary code raises ends the host, as a test wants it to.
        self._may_die = may_die

    def job_for(self, hand: Hand, todo: Todo, *, now: datetime) -> Job | Item:
        """Return the job of what `hand` does next; or what comes of it, if there is nothing to do."""
        if todo is Todo.CALL:
            return self._call(hand)
        if todo is Todo.ASK:
            return self._ask(hand)
        return self._handler_job(hand, lambda: self._phase(hand, todo, now))

    def _phase(self, hand: Hand, todo: Todo, now: datetime) -> Any:
        if todo is Todo.PREPARE:
            reader = LaneReader(hand.holding.topic_ids, hand.run.lane)
            return phases.prepare(hand, now=now, reader=reader)
        if todo is Todo.MUTATE:
            return phases.mutate_again(hand)
        if todo is Todo.POLL:
            return self._polled(hand, phases.poll(hand, now=now))
        return self._finished(hand, phases.next_of(hand, now=now))

    def _finished(self, hand: Hand, what: Finished | Broke) -> Any:
        if isinstance(what, Broke) or not phases.code_of(hand, Consumer).has_record():
            return what
        return self._alone(hand, what, lambda: _recorded(hand))

    def _polled(self, hand: Hand, what: Polled | Broke) -> Any:
        """A poll may bring in thousands of events: it commits by itself, so that it holds nobody up."""
        if isinstance(what, Broke):
            return what
        return self._alone(hand, what, lambda: _published(hand, what))

    def _alone(self, hand: Hand, what: Finished | Polled, first: Callable[[], None]) -> Any:
        try:
            taken = commit_alone(hand, Item(hand, what), first=first, clock=self._clock)
        except _NotRecorded as failed:
            return Broke.by(failed.error, Run.Phase.EMITTING.value)
        except Overtaken:
            return LetGo(hand)
        except DatabaseError as error:
            if outage_of(error) is not None:
                return LetGo(hand)
            return Broke.by(error, Run.Phase.EMITTING.value)
        return CommittedAlone(hand, taken)

    def _handler_job(self, hand: Hand, work: Callable[[], Any]) -> Job:
        limit = hand.holding.policy.handler_timeout_seconds

        def done(answer: Answer) -> None:
            self._tell(self._died(hand, answer) or _read_handler(hand, answer, limit))

        return Job(work, seconds=limit, done=done, late=lambda answer: None)

    def _call(self, hand: Hand) -> Job:
        mutation = hand.run.mutation
        mutator = hand.holding.code.mutator_named(mutation.mutator)
        policy = hand.holding.code.policy_for(mutator)

        def done(answer: Answer) -> None:
            finding = answers.read_execute(answer, policy)
            self._tell(self._died(hand, answer) or Item(hand, Called(finding)))

        def late(answer: Answer) -> None:
            if self._died(hand, answer) is None:
                record_late(mutation, answers.read_execute(answer, policy))

        return Job(phases.execute(hand), seconds=policy.call_timeout_seconds, done=done, late=late)

    def _ask(self, hand: Hand) -> Job | Item:
        mutation, code = hand.run.mutation, hand.holding.code
        mutator = code.mutator_named(mutation.mutator)
        if mutator is None or not mutator.can_reconcile():
            return Item(hand, CantAsk(f"version {code.version} can't ask about {mutation.mutator}"))
        policy = code.policy_for(mutator)
        attempts = mutation.reconcile_attempts

        def done(answer: Answer) -> None:
            finding = answers.read_reconcile(answer, policy)
            self._tell(self._died(hand, answer) or Item(hand, Asked(finding, attempts)))

        def late(answer: Answer) -> None:
            if self._died(hand, answer) is None:
                record_late(mutation, answers.read_reconcile(answer, policy))

        work = phases.ask(mutation, mutator)
        return Job(work, seconds=policy.call_timeout_seconds, done=done, late=late)

    def _died(self, hand: Hand, answer: Answer) -> Died | None:
        if self._may_die and answer.ends_the_process and answer.error is not None:
            return Died(hand, answer.error)
        return None


class _NotRecorded(Exception):
    """The author's `record` failed: that of the host's own writes is another matter."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))


def _recorded(hand: Hand) -> None:
    try:
        phases.record(hand)
        if not _is_open(connection):
            raise EndedTransaction(hand.handler.name)
    except Exception as error:
        raise _NotRecorded(error) from error


def _is_open(connection: Any) -> bool:
    """Tell whether the transaction in which `record` ran will commit what it wrote. Asks nothing of the server."""
    if connection.needs_rollback or connection.closed_in_transaction:
        return False
    return bool(connection.connection.info.transaction_status != TransactionStatus.IDLE)


def _published(hand: Hand, what: Polled) -> None:
    store_all(hand.holding.workflow, what.inputs, what.publications, created_by=hand.run)


def _read_handler(hand: Hand, answer: Answer, limit: float) -> Message:
    if answer.error is not None:
        return Item(hand, Broke.by(answer.error, hand.run.phase))
    if answer.timed_out:
        log("run.hung", hand.run, level=40, lane=hand.run.lane, seconds=f"{limit:g}")
        return Item(hand, Hung(f"its handler took longer than {limit:g} s"))
    found: Any = answer.value
    if isinstance(found, CommittedAlone | LetGo):
        return found
    return Item(hand, found)


def read_overdue(hand: Hand, todo: Todo, answer: Answer) -> Item:
    """Return what is to be written of a job whose time is over."""
    code = hand.holding.code
    if todo in (Todo.CALL, Todo.ASK):
        policy = code.policy_for(code.mutator_named(hand.run.mutation.mutator))
        if todo is Todo.CALL:
            return Item(hand, Called(answers.read_execute(answer, policy)))
        attempts = hand.run.mutation.reconcile_attempts
        return Item(hand, Asked(answers.read_reconcile(answer, policy), attempts))
    message = _read_handler(hand, answer, hand.holding.policy.handler_timeout_seconds)
    assert isinstance(message, Item)
    return message
