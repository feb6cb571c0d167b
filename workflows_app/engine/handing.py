"""Handing the next piece of a run to a thread, and reading what comes back (P1, P3)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import DatabaseError, connection
from psycopg.pq import TransactionStatus

from workflows_app.engine import answers, phases
from workflows_app.engine.holding import Hand
from workflows_app.engine.items import Asked, Called, CantAsk, Item, Naming, Taken
from workflows_app.engine.jobs import Answer, Job
from workflows_app.engine.late import record_late
from workflows_app.engine.log import log
from workflows_app.engine.outcomes import OUTSIDE, Todo
from workflows_app.engine.phases import Broke, Finished, Hung, Polled
from workflows_app.engine.turn import Clock, Overtaken, commit_alone
from workflows_app.errors import EndedTransaction
from workflows_app.models import Run
from workflows_app.models.rows import Tuples
from workflows_app.outages import Outage, outage_of
from workflows_app.publishing import store_all
from workflows_app.sdk.handlers import Consumer
from workflows_app.sdk.raised import is_for_caller


@dataclass(frozen=True)
class CommittedAlone:
    """A run that wrote rows of its own has committed by itself."""

    hand: Hand
    #: What its turn did. None: whether it committed is not known, or somebody else has ended it: its rows tell.
    taken: Taken | None


@dataclass(frozen=True)
class Died:
    """Authors' code has ended the process, as far as the host is concerned."""

    #: None: no run is in its hands.
    hand: Hand | None
    error: BaseException


Message = Item | Naming | CommittedAlone | Died


class Hander:
    """Makes jobs of what runs do next. `tell` gets what comes of them, in any thread."""

    def __init__(self, tell: Callable[[Any], None], clock: Clock | None, *, may_die: bool) -> None:
        self._tell = tell
        self._clock = clock
        #: What is none of authors' code's own ends the host, as a test wants it to.
        self._may_die = may_die

    def job_for(self, hand: Hand, todo: Todo, *, now: datetime) -> Job | Item:
        """Return the job of what `hand` does next; or what comes of it, if there is nothing to do."""
        read = reader_of(hand, todo)

        def done(answer: Answer) -> None:
            self._tell(self.died(hand, answer) or read(answer))

        if todo not in OUTSIDE:
            limit = hand.holding.policy.handler_timeout_seconds
            work = partial(self._phase, hand, todo, now)
            return Job(work, seconds=limit, done=done, late=lambda answer: None)
        mutation, code = hand.run.mutation, hand.holding.code
        mutator = code.mutator_named(mutation.mutator)
        if todo is Todo.ASK and (mutator is None or not mutator.can_reconcile()):
            return Item(hand, CantAsk(f"version {code.version} can't ask about {mutation.mutator}"))
        assert mutator is not None, "the checkpoint takes listed mutators only"

        def late(answer: Answer) -> None:
            if self.died(hand, answer) is None:
                record_late(mutation, read(answer).what.finding)

        call = phases.execute(hand) if todo is Todo.CALL else phases.ask(mutation, mutator)
        seconds = hand.holding.policy_of(mutation.mutator).call_timeout_seconds
        return Job(call, seconds=seconds, done=done, late=late)

    def _phase(self, hand: Hand, todo: Todo, now: datetime) -> Any:
        if todo is Todo.PREPARE:
            return phases.prepare(hand, now=now)
        if todo is Todo.MUTATE:
            return phases.mutate_again(hand)
        is_poll = todo is Todo.POLL
        what = phases.poll(hand, now=now) if is_poll else phases.next_of(hand, now=now)
        return what if isinstance(what, Broke) else self._committed(hand, what)

    def _committed(self, hand: Hand, what: Finished | Polled) -> Any:
        """Let a run commit by itself that may take long over it, so that it holds nobody up; return what came of it.

        A poll may bring in thousands of events, and `record` do whatever it does.
        """
        if isinstance(what, Polled):
            first = partial(_publish, hand, what)
        elif phases.code_of(hand, Consumer).has_record():
            first = partial(_record, hand)
        else:
            return what
        taken: Taken | None = None
        try:
            taken = commit_alone(hand, Item(hand, what), first=first, clock=self._clock)
        except _NotRecorded as failed:
            return Broke.of_code(failed.error, Run.Phase.EMITTING.value)
        except Overtaken:
            pass
        except DatabaseError as error:
            if outage_of(error) is None:
                return Broke.by(error, Run.Phase.EMITTING.value)
        return CommittedAlone(hand, taken)

    def died(self, hand: Hand | None, answer: Answer) -> Died | None:
        """Return that the host ends, if it does by this answer. To be called in the thread of the job."""
        if self._may_die and answer.error is not None and is_for_caller(answer.error):
            return Died(hand, answer.error)
        return None


class _NotRecorded(Exception):
    """The author's `record` failed: that of the host's own writes is another matter."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(str(error))


#: What `record` must leave as it is: the run commits with it.
_TRANSACTION = """
    SELECT pg_current_xact_id()::text, current_setting('transaction_read_only'),
           current_setting('default_transaction_read_only')
"""


def _record(hand: Hand) -> None:
    ended = EndedTransaction(hand.handler.name)
    try:
        (begun,) = Tuples(_TRANSACTION).read()
        try:
            phases.record(hand)
        except DatabaseError as error:
            if outage_of(error) is Outage.READ_ONLY and begun[1] == "off":
                # It was not, so it is no standby. As its cause this would be taken for an outage.
                raise ended  # noqa: B904
            raise
        if not _is_open(connection) or Tuples(_TRANSACTION).read() != [begun]:
            raise ended
    except BaseException as error:
        raise _NotRecorded(error) from error


def _is_open(connection: Any) -> bool:
    """Tell whether the transaction in which `record` ran will commit what it wrote. Asks nothing of the server."""
    if connection.needs_rollback or connection.closed_in_transaction:
        return False
    return bool(connection.connection.info.transaction_status != TransactionStatus.IDLE)


def _publish(hand: Hand, what: Polled) -> None:
    store_all(hand.holding.workflow, what.inputs, what.publications, created_by=hand.run)


def reader_of(hand: Hand, todo: Todo) -> Callable[[Answer], Any]:
    """Return what reads the answer of the job of `todo`: in time, late, or that there is none."""
    if todo not in OUTSIDE:
        return partial(_read_handler, hand)
    mutation = hand.run.mutation
    policy = hand.holding.policy_of(mutation.mutator)
    if todo is Todo.CALL:
        return lambda answer: Item(hand, Called(answers.read_execute(answer, policy)))
    attempts, asked_at = mutation.reconcile_attempts, hand.began_at
    assert asked_at is not None, "it was asked in a step of its own"
    return lambda answer: Item(
        hand, Asked(answers.read_reconcile(answer, policy), attempts, asked_at)
    )


def _read_handler(hand: Hand, answer: Answer) -> Message:
    if answer.error is not None:
        return Item(hand, Broke.by(answer.error, hand.run.phase))
    if answer.timed_out:
        limit = hand.holding.policy.handler_timeout_seconds
        log("run.hung", hand.run, level=logging.ERROR, lane=hand.run.lane, seconds=f"{limit:g}")
        return Item(hand, Hung(f"its handler took longer than {limit:g} s"))
    found: Any = answer.value
    return found if isinstance(found, CommittedAlone) else Item(hand, found)
