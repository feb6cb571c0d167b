"""Who may write: one worker at a time advances a workflow, and knows when it no longer may (P1).

A claim raises the lease's token. Every write of the host happens under the workflow's row lock,
always taken first, and after a look at the token: a worker that was thought dead and returns
finds its writes refused (`Fenced`).

A claim is told by its token and by its holder: a crash of the database may forget a claim, and then
its number is given again.

A claim may be taken over when its holder released it, when it expired by the database's clock, or
when the holder was a process of this machine that is gone.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from django.db import DatabaseError, connection, transaction
from django.db.models import BooleanField, CharField, Func, QuerySet, Value
from django.db.models.functions import Now

from workflows_app.conf import policy
from workflows_app.errors import Fenced
from workflows_app.models import Lease, Workflow, WorkflowVersion
from workflows_app.models.reading import Compiled, Query, together
from workflows_app.models.saving import Guard, collected, flush, update


@dataclass(frozen=True)
class Claim:
    """The right to advance a workflow, as long as no later claim exists."""

    workflow_id: int
    token: int
    #: The workflow as it was last seen under its lock.
    workflow: Workflow | None = field(default=None, compare=False, repr=False)


@lru_cache(maxsize=1)
def _machine() -> str:
    """Name the space in which process numbers mean something: this boot, this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()


def this_holder() -> str:
    """Return the name of the current thread of this process, as a holder of claims."""
    return f"{_machine()} {os.getpid()} {threading.get_ident()}"


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


def commit_may_be_lost() -> None:
    """Let the current transaction commit without waiting for the disk: what it does is replayed."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _locked(pk: int) -> QuerySet[Workflow]:
    """Lock the workflow and its lease, in this order, and tell the database's clock."""
    locked = Workflow.objects.select_for_update(of=("self", "lease"), no_key=True)
    found = locked.select_related("lease").filter(pk=pk, lease__isnull=False)
    return found.annotate(seen_at=Now()).order_by()


def _of_a_claim(pk: int) -> QuerySet[Workflow]:
    """Lock the same, and read only what may have changed since the claim began."""
    found: QuerySet[Any] = _locked(pk).only(
        "status", "active_version_id", "lease__token", "lease__holder", "lease__expires_at"
    )
    return found


def _with_version(pk: int) -> QuerySet[Workflow]:
    return _locked(pk).select_related("lease", "active_version")


def _may_be_lost(found: QuerySet[Workflow]) -> QuerySet[Workflow]:
    """Return `found`, whose transaction then commits without waiting for the disk."""
    setting = [Value("synchronous_commit"), Value("off"), Value(True, output_field=BooleanField())]
    off = Func(*setting, function="set_config", output_field=CharField())
    return found.annotate(synchronous_commit=off)


#: Each by whether the commit may be lost.
_LOCKED = {
    False: Compiled(_with_version),
    True: Compiled(lambda pk: _may_be_lost(_with_version(pk))),
}
_OF_A_CLAIM = {
    False: Compiled(_of_a_claim),
    True: Compiled(lambda pk: _may_be_lost(_of_a_claim(pk))),
}


def lock_workflow(workflow_id: int, *, may_be_lost: bool = False) -> Workflow:
    """Lock the workflow's row and its lease, in this order, and return both. Needs a transaction.

    Its `lease.seen_at` is the database's clock. `may_be_lost`: the commit does not wait for the disk.
    """
    row: Any = _LOCKED[may_be_lost].first(workflow_id)
    if row is None:
        raise Workflow.DoesNotExist(f"There is no workflow {workflow_id}.")
    workflow: Workflow = row
    workflow.lease.seen_at = row.seen_at
    if workflow.active_version_id is not None and workflow.active_version is None:
        # A deploy had the lock before. PostgreSQL looks again at the rows it locks, not at the joined one.
        workflow.active_version = WorkflowVersion.objects.get(pk=workflow.active_version_id)
    return workflow


def _seen_again(claim: Claim, row: Any) -> Workflow:
    """Return the claim's workflow, as the locked `row` shows it now."""
    workflow = claim.workflow
    if (
        workflow is None
        or workflow.status != row.status
        or workflow.active_version_id != row.active_version_id
    ):
        return lock_workflow(claim.workflow_id)
    workflow.lease.expires_at = row.lease.expires_at
    workflow.lease.seen_at = row.seen_at
    return workflow


def claim(workflow_id: int) -> Claim | None:
    """Claim the workflow for this thread. Return None if another worker holds it. Commits."""
    holder = this_holder()
    with transaction.atomic(durable=True):
        workflow = lock_workflow(workflow_id, may_be_lost=True)
        lease = workflow.lease
        is_expired = lease.expires_at is not None and lease.expires_at <= lease.seen_at
        if lease.holder not in ("", holder) and not is_expired and not is_gone(lease.holder):
            return None
        lease.token += 1
        lease.holder = holder
        lease.expires_at = lease.seen_at + timedelta(seconds=policy().lease_seconds)
        with collected(commit=not connection.savepoint_ids):
            update(lease, ["token", "holder", "expires_at"])
        return Claim(workflow_id, lease.token, workflow)


@contextmanager
def held(claim: Claim, *, may_be_lost: bool = False) -> Iterator[Workflow]:
    """A transaction under `claim`, with the workflow's row locked. Commits.

    `may_be_lost`: a crash of the database may lose it, since what it does is replayed. Raises
    Fenced if another worker has taken over; then nothing is written.
    """
    with held_reading(claim, may_be_lost=may_be_lost) as (workflow, _):
        yield workflow


@contextmanager
def held_reading(
    claim: Claim, *queries: Query, may_be_lost: bool = False
) -> Iterator[tuple[Workflow, list[list[Any]]]]:
    """As `held`, with the rows of `queries`, read under the lock in the same round trip."""
    lock = _OF_A_CLAIM[may_be_lost]
    with transaction.atomic(durable=True):
        (found, *rows) = together((lock, (claim.workflow_id,)), *queries)
        ours = (claim.token, this_holder())
        if not found or (found[0].lease.token, found[0].lease.holder) != ours:
            raise Fenced(claim.workflow_id, claim.token)
        workflow = _seen_again(claim, found[0])
        # Within a test's transaction this one is a savepoint.
        with collected(commit=not connection.savepoint_ids):
            yield workflow, rows


#: Locks the workflow and its lease as `_locked` does; fails if the claim is over.
_STILL_HELD = """
    SELECT workflows_app_all_of(array_agg(held.id), 1) FROM (
        SELECT workflow.id FROM workflows_app_workflow workflow
          JOIN workflows_app_lease lease ON lease.workflow_id = workflow.id
         WHERE workflow.id = $1 AND lease.token = $2 AND lease.holder = $3
           FOR NO KEY UPDATE OF workflow, lease
    ) held
"""
#: The same, in a transaction whose commit does not wait for the disk.
_STILL_HELD_MAY_BE_LOST = _STILL_HELD.replace(
    "1) FROM", "1), set_config('synchronous_commit', 'off', true) FROM"
)
#: The same at once or not at all, if the claim, or what it is extended to, lasts long enough for a run
#: that is still to be prepared.
_STILL_PREPARING = """
    SELECT workflows_app_all_of(array_agg(held.id), 1) FROM (
        SELECT workflow.id FROM workflows_app_workflow workflow
          JOIN workflows_app_lease lease ON lease.workflow_id = workflow.id
          JOIN workflows_app_run run ON run.workflow_id = workflow.id
         WHERE workflow.id = $1 AND lease.token = $2 AND lease.holder = $3
           AND run.id = $4 AND run.phase = 'preparing' AND run.ended_at IS NULL
           AND greatest(lease.expires_at, $5) >= statement_timestamp() + make_interval(secs => $6)
           FOR NO KEY UPDATE OF workflow, lease, run NOWAIT
    ) held
"""
#: The same, if nothing is known yet of a mutation's call.
_STILL_IN_FLIGHT = """
    SELECT workflows_app_all_of(array_agg(held.id), 1) FROM (
        SELECT workflow.id FROM workflows_app_workflow workflow
          JOIN workflows_app_lease lease ON lease.workflow_id = workflow.id
          JOIN workflows_app_mutation mutation ON mutation.id = $4
         WHERE workflow.id = $1 AND lease.token = $2 AND lease.holder = $3
           AND mutation.status = 'in_flight'
           AND (SELECT workflow_id FROM workflows_app_run WHERE id = mutation.run_id) = $1
           FOR NO KEY UPDATE OF workflow, lease, mutation
    ) held
"""


def still_held(claim: Claim, *, may_be_lost: bool = False) -> Guard:
    """Return what locks the workflow, and fails if the claim is over."""
    return _STILL_HELD_MAY_BE_LOST if may_be_lost else _STILL_HELD, _known_as(claim)


def still_in_flight(claim: Claim, mutation_id: int) -> Guard:
    """Return what fails, too, if something is known of the mutation's call."""
    return _STILL_IN_FLIGHT, (*_known_as(claim), mutation_id)


def still_preparing(claim: Claim, run_id: int, *, until: datetime | None, seconds: float) -> Guard:
    """Return what fails, too, if the run is prepared, or the claim ends within `seconds`.

    Nor does it wait for whoever holds the workflow: if this worker died meanwhile, its checkpoint would
    be made nevertheless, and somebody would be asked about a call that never left.
    `until`: what the writes behind the guard extend the claim to, if they do.
    """
    return _STILL_PREPARING, (*_known_as(claim), run_id, until, seconds)


def _known_as(claim: Claim) -> tuple[int, int, str]:
    return claim.workflow_id, claim.token, this_holder()


_REFUSALS = (psycopg.errors.RaiseException, psycopg.errors.LockNotAvailable)


def is_refusal(error: DatabaseError) -> bool:
    """Tell whether a guard failed, or a write that found other rows than it should."""
    return isinstance(error.__cause__, _REFUSALS)


@contextmanager
def held_from_first_write(claim: Claim, *guards: Guard) -> Iterator[None]:
    """As `held`, but the lock goes along with the block's first writes, in their round trip.

    The first of `guards` takes it. Nothing may be read before the first writes that has to be read
    under the lock; `read_again` gives the workflow. Raises Fenced, or a refusal of another guard, at
    the end of the block, if not earlier; then nothing is written.

    If the block's writes are all in one round trip, its COMMIT is on its way before the lock is had:
    a session that was given up may commit later. Whoever writes the same in another session then
    (`outlast`) must have the late one refused, by a guard that sees what was written.
    """
    try:
        with (
            transaction.atomic(durable=True),
            collected(commit=not connection.savepoint_ids, guards=guards),
        ):
            yield
    except DatabaseError as error:
        if is_refusal(error) and not _of(claim).exists():
            raise Fenced(claim.workflow_id, claim.token) from error
        raise


def read_again(claim: Claim, *queries: Query) -> tuple[Workflow, list[list[Any]]]:
    """Send what waits; return the workflow as it is now, locked, and the rows of `queries`.

    Needs the transaction of `held` or of `held_from_first_write`.
    """
    (found, *rows) = flush((_OF_A_CLAIM[False], (claim.workflow_id,)), *queries)
    return _seen_again(claim, found[0]), rows


def _of(claim: Claim) -> QuerySet[Lease]:
    """Return the lease, if the claim is not over."""
    return Lease.objects.filter(pk=claim.workflow_id, token=claim.token, holder=this_holder())


def extend(lease: Lease, *, seconds: float) -> None:
    """Keep the claim for `seconds` more at least. Needs the transaction of `held`."""
    until = extension(lease, seconds=seconds)
    if until is not None:
        lease.expires_at = until
        update(lease, ["expires_at"])


def extension(lease: Lease, *, seconds: float) -> datetime | None:
    """Return until when the claim must be kept to last for `seconds`; None if it does."""
    until = lease.seen_at + timedelta(seconds=seconds)
    if lease.expires_at is not None and lease.expires_at >= until:
        return None
    # Some more, so that the next calls of this slice need not write it again.
    return until + timedelta(seconds=policy().slice_seconds)


def rest(lease: Lease, *, due_at: datetime | None, listens: bool) -> None:
    """Give the claim back and say when the workflow is due again. Needs the transaction of `held`."""
    lease.holder, lease.expires_at = "", None
    lease.next_due_at, lease.listens = due_at, listens
    update(lease, ["holder", "expires_at", "next_due_at", "listens"])


def release(claim: Claim, *, due_at: datetime) -> None:
    """Give the claim back, if it is still held, and leave the workflow due. Commits."""
    with transaction.atomic(durable=True):
        commit_may_be_lost()
        _of(claim).update(holder="", expires_at=None, next_due_at=due_at)
