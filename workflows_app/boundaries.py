"""The moments between which nothing durable happens: where a process can die, each with a name.

Whatever ends a process, ends it at one of these as far as the database can tell. So a crash test for
each of them is a crash test for all there is (P1, P2). Test settings let a process die at one by
`WORKFLOWS_DIE_AT`; nothing else sets it.
"""

from __future__ import annotations

import os
import signal
from enum import Enum

from django.conf import settings


class Boundary(Enum):
    """What has just become durable, or has just come in and is not durable yet."""

    #: A worker has claimed the workflow.
    CLAIMED = "claimed"
    #: A run was begun, recovered, retried or continued; or there was nothing to begin.
    BEGUN = "begun"
    #: The call is in the ledger, and has not left.
    CHECKED = "checked"
    #: The answer of the call is here, and not in the ledger.
    ANSWERED = "answered"
    #: What the answer says is in the ledger.
    SETTLED = "settled"
    #: The answer to "did it happen?" is here, and not in the ledger.
    ASKED = "asked"
    #: What that answer says is in the ledger.
    RECONCILED = "reconciled"
    #: The run has ended as failed.
    FAILED = "failed"
    #: The run is committed; what is next may be begun.
    COMMITTED = "committed"
    #: Nothing is to be done, and the claim is given back.
    RESTED = "rested"
    #: The slice is over, and the claim is given back.
    RELEASED = "released"
    #: An event or a decision is committed, and no job tells the host yet.
    UNANNOUNCED = "unannounced"


def reached(boundary: Boundary) -> None:
    """Go on, unless this process is told to die here."""
    if getattr(settings, "WORKFLOWS_DIE_AT", None) == boundary.value:
        os.kill(os.getpid(), signal.SIGKILL)
