"""Authors' code, and nothing else: values in, values out (P3).

Each function here runs one phase of one run, in a thread of its own in a worker, and returns what is to be
written of it. Nothing is written here. What authors' code raises becomes a value too.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workflows_app.engine import prepared as prepare_results
from workflows_app.engine.contexts import NextView, PollView, PrepareView, Publication
from workflows_app.engine.holding import Hand
from workflows_app.engine.log import log
from workflows_app.engine.outages import LOST_A_RACE
from workflows_app.engine.pending import LaneReader
from workflows_app.errors import UndeclaredMutator, WorkflowsError, WrongReturn
from workflows_app.models import Mutation, Run
from workflows_app.outages import outage_of
from workflows_app.sdk.deadlines import machine_seconds, seconds_left
from workflows_app.sdk.failures import NotApplied, TransientError
from workflows_app.sdk.handlers import Consumer, Handler, Producer
from workflows_app.sdk.json_values import copied, json_value
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.raised import is_for_caller
from workflows_app.sdk.schedules import due_after
from workflows_app.sdk.values import InputRef, MutationCall, PrepareResult
from workflows_app.sdk.writes import looked_at
from workflows_app.secrets import struck_out

TARGET_LENGTH = 300
#: An author gave data for a call, and forgot to say of which events.
_TOOK_NOTHING = "data was given, but no event: name it in PrepareResult(reservations=...)"
MESSAGE_LENGTH = 10_000
TRACEBACK_LENGTH = 50_000


@dataclass(frozen=True)
class Call:
    """A checked `MutationCall`: parameters as they are stored and sent."""

    mutator: type[Mutator]
    params: dict[str, Any]
    target: str


@dataclass(frozen=True)
class Prepared:
    """`prepare` took events, and `mutate` said what to call, if anything."""

    result: PrepareResult
    call: Call | None
    #: The run took the result over from an earlier one: its events are reserved already.
    is_again: bool = False


@dataclass(frozen=True)
class Finished:
    """`next` is done."""

    result: PrepareResult
    state: Any
    publications: list[Publication]


@dataclass(frozen=True)
class Polled:
    """`poll` is done."""

    state: Any
    next_poll_at: datetime
    inputs: list[InputRef] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)


@dataclass(frozen=True)
class Broke:
    """A handler raised an error, or did what it may not do."""

    kind: Run.FailureKind
    message: str
    traceback: str
    phase: str

    @classmethod
    def of_code(cls, error: BaseException, phase: str) -> Broke:
        """Return what left authors' code. To be called where it is caught: raises it if it is not the code's own."""
        if is_for_caller(error):
            raise error
        return cls.by(error, phase)

    @classmethod
    def by(cls, error: BaseException, phase: str) -> Broke:
        is_transient = isinstance(error, TransientError) or outage_of(error) is not None
        is_transient = is_transient or isinstance(error.__cause__, LOST_A_RACE)
        kind = Run.FailureKind.TRANSIENT if is_transient else Run.FailureKind.LOGIC
        name, said = type(error).__name__, said_by(error)
        # What a KeyError says by itself is no sentence.
        speaks_for_itself = is_transient or isinstance(error, WorkflowsError)
        message = said if said and speaks_for_itself else ": ".join(filter(None, (name, said)))
        return cls(kind, cut(message, MESSAGE_LENGTH), traceback_of(error), phase)


@dataclass(frozen=True)
class Hung:
    """A handler took longer than it may, or ended its thread: as if its worker had died."""

    why: str


def prepare(hand: Hand, *, now: datetime) -> Prepared | Finished | Broke:
    """Run `prepare` and `mutate`; if nothing was taken, `next` too."""
    phase = Run.Phase.PREPARING
    try:
        consumer = code_of(hand, Consumer)
        policy = hand.holding.policy
        ahead, hand.ahead = hand.ahead, None
        reader = LaneReader(hand.holding.topics, hand.run.lane)
        view = PrepareView(consumer, policy, now, reader, ahead)
        with _looked_at(hand, "prepare"):
            result = consumer().prepare(view, copied(hand.lane.state))
        view.raise_violation()
        result = prepare_results.checked(result, consumer, policy, view.offered)
        phase = Run.Phase.PREPARED
        if result.reservations:
            return Prepared(result, _mutate(hand, consumer, result))
    except BaseException as error:
        return Broke.of_code(error, phase.value)
    if result.data and view.offered:
        log(
            "run.took_nothing",
            hand.run,
            level=logging.WARNING,
            lane=hand.run.lane,
            offered=len(view.offered),
            hint=_TOOK_NOTHING,
        )
    hand.prepared = result
    return next_of(hand, now=now)


def mutate_again(hand: Hand) -> Prepared | Broke:
    """Run `mutate` of a run that took over a prepare result."""
    assert hand.prepared is not None
    try:
        consumer = code_of(hand, Consumer)
        call = _mutate(hand, consumer, hand.prepared)
    except BaseException as error:
        return Broke.of_code(error, hand.run.phase)
    return Prepared(hand.prepared, call, is_again=True)


def next_of(hand: Hand, *, now: datetime) -> Finished | Broke:
    """Run `next`."""
    assert hand.prepared is not None
    try:
        consumer = code_of(hand, Consumer)
        policy = hand.holding.policy
        view = NextView(consumer, hand.holding.code, policy, now, copied(hand.lane.state))
        with _looked_at(hand, "next"):
            state = consumer().next(view, hand.prepared.copied(), _copied(hand))
        view.raise_violation()
        state = json_value(state, field="state", limit_bytes=policy.json_max_bytes)
    except BaseException as error:
        return Broke.of_code(error, Run.Phase.EMITTING.value)
    return Finished(hand.prepared, state, view.publications)


def poll(hand: Hand, *, now: datetime) -> Polled | Broke:
    """Run `poll`."""
    try:
        producer = code_of(hand, Producer)
        policy = hand.holding.policy
        view = PollView(producer, hand.holding.code, policy, now)
        state = producer().poll(view, copied(hand.lane.state))
        view.raise_violation()
        state = json_value(state, field="state", limit_bytes=policy.json_max_bytes)
        next_poll_at = due_after(hand.holding.code.schedule_of(producer), now)
    except BaseException as error:
        return Broke.of_code(error, Run.Phase.PREPARING.value)
    return Polled(state, next_poll_at, view.inputs, view.publications)


def record(hand: Hand) -> None:
    """Run `record`, in the transaction that is open. Raises what it raises."""
    assert hand.prepared is not None
    consumer: Any = code_of(hand, Consumer)()
    consumer.record(hand.prepared.copied(), _copied(hand))


def execute(hand: Hand) -> Callable[[], Any]:
    """Return the outside call of the run's mutation.

    A worker that was suspended between the checkpoint and the call may wake up after another one has
    taken over and settled it: the call begins while the claim is certainly still held, or not at all.
    Nor does it begin when its host waits for it no longer: then that asks, and may have it made anew.
    """
    mutation, send_by = hand.run.mutation, hand.send_by
    mutator = hand.holding.code.mutator_named(mutation.mutator)
    assert mutator is not None, "the checkpoint takes listed mutators only"

    def send() -> Any:
        if machine_seconds() > send_by or seconds_left() == 0.0:
            told = "the worker was held up, and did not send it"
            raise NotApplied(told, retryable=True, unsent=True)
        return mutator().execute(copied(mutation.params), idempotency_key=mutation.idempotency_key)

    return send


def ask(mutation: Mutation, mutator: type[Mutator]) -> Callable[[], Any]:
    """Return the question to the outside system whether `mutation` happened."""

    def reconcile() -> Any:
        asked = getattr(mutator(), "reconcile")  # noqa: B009 - optional: not on the base class
        return asked(copied(mutation.params), idempotency_key=mutation.idempotency_key)

    return reconcile


def code_of(hand: Hand, base: type[Handler]) -> Any:
    """Return the handler's class. Raises LookupError if the code has none of its name."""
    found = hand.holding.codes.get(hand.run.handler_id)
    if found is None or not issubclass(found, base):
        code = hand.holding.code
        raise LookupError(f"version {code.version} has no handler '{hand.handler.name}'")
    return found


def _looked_at(hand: Hand, phase: str) -> looked_at:
    return looked_at(hand.holding.code.slug, hand.handler.name, phase)


def _copied(hand: Hand) -> Any:
    outcome = hand.outcome
    return type(outcome)(outcome.status, copied(outcome.result), outcome.reason)


def _mutate(hand: Hand, consumer: type[Consumer], result: PrepareResult) -> Call | None:
    with _looked_at(hand, "mutate"):
        call = consumer().mutate(result.copied())
    if call is None:
        return None
    who = f"{consumer.handler_name()}.mutate"
    if not isinstance(call, MutationCall):
        raise WrongReturn(f"{who}: its answer", "a MutationCall or None", call)
    if isinstance(call.mutator, str):
        raise WrongReturn(f"{who}: the mutator of its call", "a class", call.mutator)
    name = getattr(call.mutator, "name", "") or repr(call.mutator)
    # By name, so that a test can let another class play in its place.
    code = hand.holding.code
    mutator = code.mutator_named(name)
    if mutator is None:
        declared = [mutator.name for mutator in code.mutators]
        raise UndeclaredMutator(consumer.handler_name(), name, declared)
    if not isinstance(call.params, dict):
        raise WrongReturn(f"{who}: params", "a dict", call.params)
    limit = hand.holding.policy_of(mutator.name).json_max_bytes
    params = json_value(call.params, field="params", limit_bytes=limit)
    target = mutator().target(copied(params))
    if not isinstance(target, str):
        raise WrongReturn(f"{mutator.name}.target", "text", target)
    clean = json_value(target, field="target", limit_bytes=limit)
    return Call(mutator, params, clean[:TARGET_LENGTH])


def said_by(error: BaseException) -> str:
    """Return the text of an error of authors' code, which may be unable to say it; without secrets."""
    try:
        return struck_out(str(error))
    except BaseException as unsaid:
        if is_for_caller(unsaid):
            raise
        return "its text can't be read"


def cut(text: str, length: int) -> str:
    """Return `text`, cut at a limit with a word that says so."""
    return text if len(text) <= length else f"{text[:length]} … (cut; {len(text):,} characters)"


def traceback_of(error: BaseException) -> str:
    """Return where the error came from, for developers; without secrets."""
    where = "".join(traceback.format_exception(error))
    return cut(struck_out(where), TRACEBACK_LENGTH)
