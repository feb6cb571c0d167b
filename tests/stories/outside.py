"""Outside systems that do and say what a story tells them, and note what they are sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from workflows_app.sdk import NotApplied, Reconciliation
from workflows_app.testing import SimulatedCrash

_PATIENCE_SECONDS = 60


class Outside:
    """One outside system. Its calls run in threads of their own, which see nothing of the story's rows."""

    def __init__(self, name: str, note: Callable[[str], None]) -> None:
        self.name = name
        self._note = note
        self._plays: list[Any] = []
        self._says: list[Any] = []
        #: What it was sent.
        self.calls: list[str] = []
        #: The keys of what happened.
        self.effects: list[str] = []
        self.entered = threading.Semaphore(0)
        self._may_answer = threading.Semaphore(0)

    def kept(self) -> tuple[list[Any], ...]:
        """Return what is in store and what happened, to be put back."""
        return list(self._plays), list(self._says), list(self.effects), list(self.calls)

    def put_back(self, kept: tuple[list[Any], ...]) -> None:
        self._plays, self._says, self.effects, self.calls = (list(each) for each in kept)

    def plays(self, *plays: Any) -> None:
        """Let the next calls go so; after them all is well."""
        self._plays += plays

    def says(self, *answers: Any) -> None:
        """Let it answer so when it is asked next; after that it tells the truth."""
        self._says += answers

    def lets_answer(self, number: int = 1) -> None:
        """Let so many calls that wait have their answer."""
        self._may_answer.release(number)

    def execute(self, params: Any, key: str) -> Any:
        play = self._plays.pop(0) if self._plays else "applied"
        said = f"{self.name} gets {json.dumps(params, sort_keys=True)} with {key}"
        self.calls.append(said)
        waits = isinstance(play, tuple)
        if waits:
            play = play[1]
            self._note(f"{said}, and does not answer yet")
            self.entered.release()
            assert self._may_answer.acquire(timeout=_PATIENCE_SECONDS), "nobody let it answer"
        else:
            self._note(f"{said}: {_named(play)}")
        return self._play(play, key)

    def _play(self, play: Any, key: str) -> Any:
        if isinstance(play, BaseException):
            raise play
        if not isinstance(play, str):
            return play
        if play in ("applied", "lost", "crash") and key not in self.effects:
            self.effects.append(key)
        match play:
            case "applied":
                return self._result(key)
            case "rejected":
                raise NotApplied("no such address")
            case "busy":
                raise NotApplied("the line is busy", retryable=True)
            case "no reason":
                raise NotApplied
            case "bad token":
                raise NotApplied("the token is not taken", caller_fault=True)
            case "unsent":
                raise NotApplied("nobody listens there", retryable=True, unsent=True)
            case "lost" | "no answer":
                raise TimeoutError("no answer")
            case "crash" | "crash before":
                raise SimulatedCrash
        raise AssertionError(f"no outside system plays {play!r}")

    def reconcile(self, params: Any, key: str) -> Any:
        answer = self._says.pop(0) if self._says else "the truth"
        asked = f"{self.name} is asked about {json.dumps(params, sort_keys=True)} with {key}"
        self._note(f"{asked}: {_named(answer)}")
        if isinstance(answer, BaseException):
            raise answer
        match answer:
            case "the truth":
                is_there = key in self.effects
                return Reconciliation.applied(self._result(key)) if is_there else _ABSENT
            case "it is there":
                return Reconciliation.applied({"number": 9})
            case "it is not there":
                return _ABSENT
            case "can't say":
                return Reconciliation.retry("the search is down")
            case "crash":
                raise SimulatedCrash
        return answer

    def _result(self, key: str) -> dict[str, int]:
        return {"number": self.effects.index(key) + 1}


_ABSENT = Reconciliation.not_applied("it is not in the list")


def _named(play: Any) -> str:
    if isinstance(play, str):
        return play
    told = f" {play}" if isinstance(play, dict | set | Exception) and str(play) else ""
    return f"{type(play).__name__}{told}"
