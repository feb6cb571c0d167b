"""The outside system: it knows the truth, and keeps account of what the host could know.

A *sending* is one call to make an effect. The host knows what became of it only by an answer, by
asking when absence is proof, or because a person said so. That is all that the promises P1 and P3
need: who sends for an event again while an earlier sending is not known to have done nothing, has
broken one of them. Nothing here reads the host's ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workflows_app.sdk import NotApplied, Reconciliation
from workflows_app.testing import SimulatedCrash

#: How long the bank's search may miss what was done, as its mutator declares.
LAG = timedelta(seconds=30)

#: What a call may meet with, besides "answers".
CALLS = (
    "answer lost",
    "answer lost, search lags",
    "no answer",
    "says no",
    "says later",
    "never sent",
    "unreadable answer",
    "worker dies after",
    "worker dies after, search lags",
    "worker dies before",
)
#: What a question may meet with, besides an honest look. "lies" denies what was long done.
ASKS = ("is away", "can't tell", "unreadable answer", "worker dies", "lies")


@dataclass
class Effect:
    """Something that did happen outside."""

    key: str
    events: frozenset[str]
    visible_at: datetime
    result: dict[str, Any]


@dataclass
class Sending:
    """A call, and what the host may take for known of it: "" is unknown."""

    key: str
    events: frozenset[str]
    params: dict[str, Any]
    at: datetime
    play: str
    known: str = ""
    #: Once the host's step is over: the ledger's row of it.
    mutation: int | None = None
    arrived_late: bool = False


@dataclass
class Question:
    """A question, and what the host may take for known by its answer."""

    key: str
    said: str


class Bank:
    """Makes effects, answers or does not, and can be asked."""

    def __init__(self, clock: Callable[[], datetime], commits: Callable[[], int]) -> None:
        self.honours_keys = True
        self.effects: list[Effect] = []
        self.sendings: list[Sending] = []
        self.questions: list[Question] = []
        #: Effects beyond the first that an event may have: somebody was wrong about it.
        self.excused: Counter[str] = Counter()
        #: What was last published of each order that came from the application.
        self.orders: dict[str, int] = {}
        #: Promises seen broken, in words.
        self.broken: list[str] = []
        self.calls: list[str] = []
        self.asks: list[str] = []
        self.asked = 0
        self._clock = clock
        self._commits = commits
        self._newest: tuple[Sending, str, int] | None = None

    def execute(self, params: dict[str, Any], key: str) -> Any:
        sending = self._enter(params, key)
        play = sending.play
        if play in ("worker dies before", "no answer"):
            raise SimulatedCrash if play == "worker dies before" else TimeoutError("no answer")
        if play == "never sent":
            self._tell(sending, "not applied")
            raise NotApplied(play, retryable=True, unsent=True)
        effect = self._repeated(key)
        if effect is None and play in ("says no", "says later"):
            self._tell(sending, "not applied")
            raise NotApplied(play, retryable=play == "says later")
        effect = effect or self._make(sending)
        if play in ("answers", "says no", "says later"):
            self._tell(sending, "applied")
            return effect.result
        if play == "unreadable answer":
            return object()
        if play.startswith("worker dies"):
            raise SimulatedCrash
        raise TimeoutError("the answer was lost")

    def reconcile(self, key: str) -> Any:
        play = self.asks.pop(0) if self.asks else "looks"
        if play == "worker dies":
            raise SimulatedCrash
        self.asked += 1
        if play == "is away":
            raise ConnectionError("the bank is away")
        if play == "can't tell":
            return Reconciliation.retry("closed for the night")
        if play == "unreadable answer":
            return "yes"
        return self._look(key, is_honest=play != "lies")

    def _look(self, key: str, *, is_honest: bool) -> Reconciliation:
        now = self._clock()
        shown = [e for e in self.effects if e.key == key and e.visible_at <= now]
        mine = [s for s in self.sendings if s.key == key]
        if shown and is_honest:
            self.questions.append(Question(key, "applied"))
            for sending in mine[-1:]:
                self._tell(sending, "applied")
            return Reconciliation.applied(shown[0].result)
        if shown:
            self.excused.update(shown[0].events)
        if all(now >= sending.at + LAG for sending in mine):
            self.questions.append(Question(key, "not applied"))
            for sending in mine[-1:]:
                self._tell(sending, "not applied")
        return Reconciliation.not_applied()

    def forget_newest_answer(self, commits: int) -> None:
        """The commit after so many was lost: an answer that it would have kept is not known."""
        if self._newest is not None and self._newest[2] == commits:
            sending, before, _ = self._newest
            sending.known = before
            if self.questions and self.questions[-1].key == sending.key:
                self.questions[-1].said = ""

    def happened(self, key: str) -> bool:
        """Tell the truth."""
        return self.result_of(key) is not None

    def result_of(self, key: str) -> dict[str, Any] | None:
        """Return what the first effect with this key gave, or None if there is none."""
        return next((effect.result for effect in self.effects if effect.key == key), None)

    def unknown(self, key: str) -> list[Sending]:
        return [s for s in self.sendings if s.key == key and not s.known]

    def _enter(self, params: dict[str, Any], key: str) -> Sending:
        events = frozenset(params["events"])
        for earlier in self.sendings:
            for event in sorted(earlier.events & events):
                self._judge(event, earlier)
        for event, amount in params["events"].items():
            if self.orders.get(event, amount) != amount:
                self.broken.append(f"P2: {event} was sent as {amount}, not as last published")
        play = self.calls.pop(0) if self.calls else "answers"
        sending = Sending(key, events, params, self._clock(), play)
        self.sendings.append(sending)
        return sending

    def _judge(self, event: str, earlier: Sending) -> None:
        if earlier.known == "applied":
            self.broken.append(f"P1: {event} was sent again, though known to have happened")
        elif not earlier.known:
            self.broken.append(f"P3: {event} was sent again, its earlier outcome unknown")

    def _repeated(self, key: str) -> Effect | None:
        found = [effect for effect in self.effects if effect.key == key]
        return found[0] if found and self.honours_keys else None

    def _make(self, sending: Sending) -> Effect:
        lag = LAG if "search lags" in sending.play else timedelta(0)
        result = {"receipt": len(self.effects), "events": sorted(sending.events)}
        effect = Effect(sending.key, sending.events, sending.at + lag, result)
        self.effects.append(effect)
        return effect

    def _tell(self, sending: Sending, known: str) -> None:
        self._newest = (sending, sending.known, self._commits())
        sending.known = known
