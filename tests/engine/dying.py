"""A worker that dies in this process, as far as the host can tell."""

from __future__ import annotations

import pytest

from tests.engine.stage import host, last_run
from workflows_app.models import Run
from workflows_app.testing import SimulatedCrash


class Dies:
    """Kills the worker the first time it is passed."""

    def __init__(self) -> None:
        self.passed = 0

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == 1:
            raise SimulatedCrash


def crash(seconds: float = 0) -> Run:
    """Let the host work, so many seconds after `NOW`, until its worker dies; return the run as it was left."""
    with pytest.raises(SimulatedCrash):
        host(seconds)
    return last_run()
