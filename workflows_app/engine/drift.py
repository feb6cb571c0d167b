"""A machine whose clock differs from the database's is told: nothing is decided by it, but logs have it.

A worker compares the two in each turn. It says so in its log, and keeps it for `doctor`, which may run on
another machine.
"""

from __future__ import annotations

import socket
import time
from datetime import datetime

from django.db.models.functions import Now

from workflows_app.engine.log import logger
from workflows_app.models import MachineClock
from workflows_app.models.clocks import SEEN_LATELY

#: Up to here clocks are taken for the same.
TOLERATED_SECONDS = 1.0
#: How often the same is said again. Well within `SEEN_LATELY`.
_AGAIN_SECONDS = 600.0


def this_machine() -> str:
    return socket.gethostname()


def seconds_ahead(database_now: datetime, *, asked_at: datetime, answered_at: datetime) -> float:
    """Return by how much this machine's clock is ahead of the database's; below zero if it is behind.

    `asked_at`, `answered_at`: this machine's time around the question. How long that took is no difference.
    """
    ahead = (asked_at - database_now).total_seconds()
    behind = (database_now - answered_at).total_seconds()
    return max(ahead, 0.0) - max(behind, 0.0)


class Drift:
    """What one host has said of its machine's clock."""

    def __init__(self) -> None:
        self._said_at: float | None = None

    def is_news(self, seconds: float) -> bool:
        """Tell whether a difference is to be told: it is new, or it is long ago, or it is over."""
        differs, said_at = abs(seconds) > TOLERATED_SECONDS, self._said_at
        if differs and said_at is not None:
            return time.monotonic() - said_at > _AGAIN_SECONDS
        return differs or said_at is not None

    def tell(self, seconds: float) -> None:
        """Tell of the difference, or that it is over. Commits, and may be repeated."""
        machine = this_machine()
        if abs(seconds) <= TOLERATED_SECONDS:
            MachineClock.objects.filter(machine=machine).delete()
            self._said_at = None
            return
        found = MachineClock(machine=machine, seconds_ahead=seconds, seen_at=Now())
        MachineClock.objects.bulk_create(
            [found],
            update_conflicts=True,
            unique_fields=["machine"],
            update_fields=["seconds_ahead", "seen_at"],
        )
        self._said_at = time.monotonic()
        told = "clock.differs machine=%s seconds=%+.1f: set this machine's clock"
        logger.warning(told, machine, seconds)


def forget_old_clocks() -> None:
    """Clear away what no worker has said again for long: the clock was set, or the machine is gone."""
    old = MachineClock.objects.filter(seen_at__lt=Now() - SEEN_LATELY)
    # To delete none would be a transaction of its own.
    if old.exists():
        old.delete()
