"""Who may write: one worker at a time advances a workflow, and knows when it no longer may (P1).

A claim raises the lease's token. Every write of the host happens under the workflow's row lock, always
taken first, several in the order of their ids, and after a look at the token: a worker that was thought
dead and returns finds its writes refused.

A claim is told by its token and by its holder: a crash of the database may forget a claim, and then its
number is given again. It may be taken over when its holder gave it back, when it expired by the
database's clock, or when the holder was a process of this machine that is gone.
"""

from __future__ import annotations

import itertools
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from psycopg.errors import LockNotAvailable

from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.engine.log import logger
from workflows_app.models import Handler, Lease, Topic, Workflow, WorkflowVersion
from workflows_app.models.collecting import ask, collected
from workflows_app.models.reading import Compiled, Reading
from workflows_app.models.rows import Tuples, send_together
from workflows_app.models.saving import update
from workflows_app.waking import SESSION_NAME

#: A claim may last for so long, whatever the code of this process says of calls.
_LONGEST_SECONDS = 600.0


@dataclass(frozen=True)
class Claim:
    """The right to advance a workflow, as long as no later claim exists."""

    workflow_id: int
    token: int
    holder: str


@lru_cache(maxsize=1)
def _machine() -> str:
    """Name the space in which process numbers mean something: this boot, this container.

    If that can't be named it is this process alone: no other one can tell that it is gone.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"unknown/{uuid.uuid4().hex}"


def this_holder() -> str:
    """Return the name of the current thread of this process, as a holder of claims."""
    return f"{_machine()} {os.getpid()} {threading.get_ident()}"


_hosts = itertools.count(1)


def new_holder() -> str:
    """Return a name for one host: a later one in this thread does not know what the earlier one has sent."""
    return f"{this_holder()}/{next(_hosts)}"


def is_gone(holder: str) -> bool:
    """Tell whether `holder` certainly no longer runs: a process of this machine that has ended."""
    try:
        machine, pid, _thread = holder.rsplit(" ", 2)
        if machine != _machine():
            return False
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OSError):
        return False
    return _is_zombie(int(pid))


def _is_zombie(pid: int) -> bool:
    """Tell whether the process has ended and only waits for its parent to take note."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state in ("Z", "X")


#: What is set for one transaction. By this name the sweep knows one whose process was suspended in it.
NAMED = f"set_config('application_name', '{SESSION_NAME}', true)"
#: Its commit does not wait for the disk: what a crash of the database loses of it is replayed.
MAY_BE_LOST = "set_config('synchronous_commit', 'off', true)"
#: It does not wait for long for what somebody else has locked.
IMPATIENT = "set_config('lock_timeout', '200ms', true)"


def setting(*settings: str) -> Tuples:
    """Return the statement that makes `settings` for the transaction in which it is executed."""
    return Tuples(f"SELECT {', '.join(settings)}")


def _locked(pk: int) -> QuerySet[Workflow]:
    """Lock the workflow and its lease, in this order, and tell the database's clock."""
    locked = Workflow.objects.select_for_update(of=("self", "lease"), no_key=True)
    found = locked.select_related("lease", "active_version")
    return found.filter(pk=pk, lease__isnull=False).annotate(seen_at=Now()).order_by()


_LOCKED = Compiled(_locked)
_HANDLERS: Compiled[Handler] = Compiled(lambda pk: Handler.objects.filter(workflow=pk))
_TOPICS: Compiled[Topic] = Compiled(lambda pk: Topic.objects.filter(workflow=pk))


def lock_workflow(workflow_id: int) -> Workflow:
    """Lock the workflow's row and its lease, in this order, and return both. Needs a transaction.

    Its `lease.seen_at` is the database's clock.
    """
    return _as_locked(workflow_id, _LOCKED.all(workflow_id))


def _as_locked(workflow_id: int, rows: Sequence[Any]) -> Workflow:
    if not rows:
        raise Workflow.DoesNotExist(f"There is no workflow {workflow_id}.")
    workflow: Workflow = rows[0]
    workflow.lease.seen_at = rows[0].seen_at
    if workflow.active_version_id is not None and workflow.active_version is None:
        # A deploy had the lock before. PostgreSQL looks again at the rows it locks, not at the joined one.
        workflow.active_version = WorkflowVersion.objects.get(pk=workflow.active_version_id)
    return workflow


@dataclass(frozen=True)
class Claimed:
    """A claim that was just made, and the workflow as it is."""

    claim: Claim
    workflow: Workflow
    handlers: list[Handler]
    topics: list[Topic]


def claim(
    workflow_id: int,
    *,
    holder: str | None = None,
    fits: Callable[[Workflow], bool] = lambda workflow: True,
    is_patient: bool = True,
) -> Claimed | None:
    """Claim the workflow for `holder`, or for this thread, in two round trips. Commits.

    None if another worker holds it, or if it does not fit; or, unless this `is_patient`, if somebody has it locked,
    or a table that it needs.
    """
    try:
        return _claim(workflow_id, holder or this_holder(), fits, is_patient=is_patient)
    except OperationalError as error:
        if is_patient or not isinstance(error.__cause__, LockNotAvailable):
            raise
        # The sweep brings it again, if whoever has it locked does not.
        logger.warning("claim.put_off workflow_id=%s: it is locked", workflow_id)
        return None


def _claim(
    workflow_id: int, holder: str, fits: Callable[[Workflow], bool], *, is_patient: bool
) -> Claimed | None:
    is_nested = connection.in_atomic_block
    with transaction.atomic(durable=True):
        session = setting(NAMED, MAY_BE_LOST, *(() if is_patient else (IMPATIENT,)))
        locked = Reading(_LOCKED, (workflow_id,))
        send_together(session, locked)
        workflow = _as_locked(workflow_id, locked.rows())
        if not fits(workflow):
            return None
        lease = workflow.lease
        if lease.holder != holder and is_held(lease):
            return None
        lease.token += 1
        lease.holder = lease.claimed_by = holder
        lease.expires_at = lease.seen_at + timedelta(seconds=policy().lease_seconds) + spare()
        with collected(commit=not is_nested):
            update(lease, ["token", "holder", "claimed_by", "expires_at"])
            handlers = ask(Reading(_HANDLERS, (workflow_id,)))
            topics = ask(Reading(_TOPICS, (workflow_id,)))
    made = Claim(workflow_id, lease.token, holder)
    return Claimed(made, workflow, handlers.rows(), topics.rows())


def is_held(lease: Lease) -> bool:
    """Tell whether a claim of this locked `lease` counts: nobody else may take the workflow over."""
    is_expired = lease.expires_at is not None and lease.expires_at <= lease.seen_at
    return lease.holder != "" and not is_expired and not is_gone(lease.holder)


def spare() -> timedelta:
    """Return how much longer than needed a claim is given, so that the next turns need not write it again."""
    return timedelta(seconds=policy().lease_seconds / 4)


def shorten() -> None:
    """Let no claim last longer than the longest: a clock that was ahead has dated it. Commits.

    Nothing else would end one of a dead process elsewhere. A holder that lives writes a new date within a
    quarter of `lease_seconds`.
    """
    longest = _longest_seconds()
    dated = Lease.objects.exclude(holder="").filter(
        expires_at__gt=Now() + 2 * timedelta(seconds=longest)
    )
    # One at a time: together they would be locked in another order than that of their ids.
    for pk in dated.values_list("pk", flat=True):
        if dated.filter(pk=pk).update(expires_at=Now() + timedelta(seconds=longest)):
            logger.warning("claim.shortened workflow_id=%s seconds=%d", pk, longest)


def _longest_seconds() -> float:
    """Return how long a claim may last; the calls of another version of the code may take longer than ours."""
    calls = [
        workflow.policy_for(mutator).call_timeout_seconds
        for workflow in registry.all_workflows()
        for mutator in workflow.mutators
    ]
    return max([_LONGEST_SECONDS, *calls]) + 2 * policy().lease_seconds


def release(claims: Iterable[Claim]) -> None:
    """Give the claims back that are still held, and leave their workflows due now. Commits.

    That of a workflow which somebody has locked ends by itself, or with this process.
    """
    for claim in claims:
        try:
            _release(claim)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            logger.warning("claim.not_given_back workflow_id=%s: it is locked", claim.workflow_id)


def _release(claim: Claim) -> None:
    with transaction.atomic(durable=True):
        setting(NAMED, MAY_BE_LOST, IMPATIENT).execute()
        ours = Lease.objects.filter(pk=claim.workflow_id, token=claim.token, holder=claim.holder)
        ours.update(holder="", expires_at=None, next_due_at=Now())
