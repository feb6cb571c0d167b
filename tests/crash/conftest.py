"""The outside system, the people, and the workers of one crash test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.outside import Outside
from tests.crash.scenario import Scenario
from tests.jobs import empty_queue


@pytest.fixture
def clean_queue(transactional_db: None) -> Iterator[None]:
    """No jobs of earlier tests, and none left for later ones."""
    empty_queue()
    yield
    empty_queue()


@pytest.fixture
def outside() -> Iterator[Outside]:
    with ExitStack() as stack:
        server = Outside()
        stack.callback(server.close)
        yield server


@pytest.fixture
def scenario(
    clean_queue: None, outside: Outside, tmp_path: Path
) -> Iterator[Callable[..., Scenario]]:
    """`scenario(*slugs, **policy)`: synced workflows, and workers for them when the test says."""
    with ExitStack() as stack:

        def make(*slugs: str, **policy: object) -> Scenario:
            return stack.enter_context(Scenario(outside, tmp_path, list(slugs), policy))

        yield make
