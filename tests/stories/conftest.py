"""`with tell() as story`: a story is told, and its text is compared with the one that is kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.clocks import standing_still
from tests.stories.story import Story
from tests.stories.words import BEGINNING

#: The fixture `story`.
Tell = Callable[..., AbstractContextManager[Story]]


@pytest.fixture
def tell(db: None, kept: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> Tell:
    """At the end of the block the text is that of the file of this test, whole."""
    # Chance makes retries up to a fifth earlier. Here it is always a tenth.
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)

    @contextmanager
    def telling(*, is_whole: bool = False) -> Iterator[Story]:
        with standing_still(BEGINNING) as clock:
            story = Story(clock, is_whole=is_whole)
            with story.logged:
                yield story
                story.end()
        assert story.text() == kept

    return telling
