"""A stream of events that workers consume while things happen to the database."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from tests.away.afterwards import all_was_paid_once, went_on_calmly
from tests.crash.scenario import Scenario
from tests.eventually import eventually

SLUGS = ["asked-1", "asked-2", "mute-1", "mute-2"]


class Stream:
    """Events of all workflows of `scene`, the first of which are there."""

    def __init__(self, scene: Scenario, workers: int = 2) -> None:
        self.outside = scene.outside
        self._scene = scene
        self._workers = [scene.start_worker() for _ in range(workers)]
        self._numbers = count(43)
        self._invoices = ["42"]

    def is_under_way(self, events: int = 6) -> None:
        """Publish some more of each, and wait until some of them were paid."""
        paid = len(self.outside.effects)
        self.publish(events)
        eventually(lambda: len(self.outside.effects) > paid + events, True)

    def publish(self, events: int) -> None:
        for number, _ in zip(self._numbers, range(events), strict=False):
            self._invoices.append(str(number))
            for slug in self._scene.slugs:
                self._scene.publish(slug, self._invoices[-1])

    def is_told(self, *what: str) -> None:
        """Wait until each worker has logged one of `what`."""
        everybody = [True] * len(self._workers)
        eventually(lambda: [_has_said(log, what) for log in self._logs()], everybody)

    def comes_to_its_end(self) -> None:
        """All was paid once; nobody had to be asked; the workers went on."""
        all_was_paid_once(self._scene, self._invoices)
        went_on_calmly(*self._workers)

    def _logs(self) -> list[str]:
        return [worker.log.read_text() for worker in self._workers]


def _has_said(log: str, what: Iterable[str]) -> bool:
    return any(words in log for words in what)
