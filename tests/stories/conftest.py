"""`with tell() as story`: a story is told, and its text is compared with the one that is kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.apps import apps
from syrupy.assertion import SnapshotAssertion

from tests.clocks import standing_still
from tests.model.rows import WITH_HISTORY
from tests.stories.story import Story
from tests.stories.words import BEGINNING
from workflows_app.queries.recorded import _PATTERNS

#: The fixture `story`.
Tell = Callable[..., AbstractContextManager[Story]]


def unread_reasons() -> Iterator[str]:
    """Yield what the host gave as a reason in a history, and what nobody could read in another language."""
    for name in WITH_HISTORY:
        history: Any = apps.get_model("workflows_app", name)
        by_the_host = history.objects.filter(history_user=None).order_by()
        for reason in by_the_host.values_list("history_change_reason", flat=True).distinct():
            if not any(pattern.fullmatch(reason) for pattern, _ in _PATTERNS):
                yield reason


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
        assert list(unread_reasons()) == [], "queries/recorded.py has what the host says"

    return telling
