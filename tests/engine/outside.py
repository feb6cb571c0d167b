"""An outside system whose answers get lost, and what it tells when it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.engine.stage import mutator
from workflows_app.sdk import Mutator, Reconciliation

RETRY = Reconciliation.retry("the search is down")


class Outside:
    """An outside system that loses the answer of every call, and gives these when asked."""

    def __init__(self, *answers: Any, **attributes: Any) -> None:
        self.answers = list(answers)
        self.sent: list[str] = []
        self.asked: list[tuple[Any, str]] = []
        #: What happens elsewhere while a call is under way.
        self.meanwhile: Callable[[], object] = lambda: None
        self.mutator: type[Mutator] = mutator(self._execute, self._reconcile, **attributes)

    def _execute(self, params: Any, key: str) -> Any:
        self.sent.append(key)
        self.meanwhile()
        raise ConnectionError("reset by peer")

    def _reconcile(self, params: Any, key: str) -> Any:
        self.asked.append((params, key))
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer
