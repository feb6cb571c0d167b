"""What a part is."""

from __future__ import annotations

import abc
from typing import Any

from tests.benchmarks.bench import Bench


class Part(abc.ABC):
    """One thing to measure."""

    #: How one chooses it, and what its table is called.
    key: str
    title: str
    #: How its results are shown.
    kind: str

    @abc.abstractmethod
    def run(self, bench: Bench) -> dict[str, Any]:
        """Measure, and return what was found, as JSON."""
