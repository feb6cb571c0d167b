"""What the tests of the console share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from workflows_app.operations import skip_event


@pytest.fixture
def lived(scene: Callable[..., Any], operator_user: User) -> Any:
    """Two paid invoices, one blocked, one skipped and one pending."""
    play = scene("applied", "applied", "lost")
    for message_id in ("red-1", "red-2", "blue-3"):
        play.happens(message_id)
    skip_event(play.publish("blue-4"), actor=operator_user, reason="The order was cancelled")
    play.publish("blue-5")
    return play


@pytest.fixture
def superuser_user() -> User:
    return User.objects.create_superuser("root")
