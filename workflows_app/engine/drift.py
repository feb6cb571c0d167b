"""A worker's clock that differs from the database's is told: nothing is decided by it, but logs have it."""

from __future__ import annotations

import time
from datetime import datetime

from django.utils import timezone

from workflows_app.engine.log import logger

#: Up to here clocks are taken for the same.
TOLERATED_SECONDS = 1.0
#: How often the same is said again.
_AGAIN_SECONDS = 600.0
_said_at: float | None = None


def compare_clocks(database_now: datetime, *, asked_at: datetime) -> None:
    """Say in the log if the clock of this machine differs by more than a second, once in a while.

    `asked_at`: this machine's time before the database was asked; how long that took is no difference.
    """
    global _said_at
    behind = (database_now - timezone.now()).total_seconds()
    ahead = (asked_at - database_now).total_seconds()
    if max(behind, ahead) <= TOLERATED_SECONDS:
        return
    seconds = ahead if ahead > 0 else -behind
    if _said_at is None or time.monotonic() - _said_at > _AGAIN_SECONDS:
        _said_at = time.monotonic()
        logger.warning("clock.differs seconds=%+.1f: set this machine's clock", seconds)
