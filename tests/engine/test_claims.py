"""One worker at a time advances a workflow; who may take over, and when (P1)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.engine.stage import (
    Deploy,
    after,
    by_payload,
    code,
    consumer,
    host,
    mutator,
    row,
    runs,
    send,
)
from workflows_app.engine.advancing import advance
from workflows_app.engine.claims import Claim, claim, new_holder, release, this_holder
from workflows_app.models import Lease
from workflows_app.sdk import MutationCall, PrepareResult
from workflows_app.testing import SimulatedCrash

pytestmark = pytest.mark.django_db

#: Above the largest process number that Linux gives.
GONE_PID = 2**22 + 1


@pytest.fixture
def workflow_id(deploy: Deploy) -> int:
    deploy(code(consumer()))
    return row().pk


def _claimed(workflow_id: int) -> Claim | None:
    taken = claim(workflow_id)
    return taken.claim if taken else None


def _lease() -> Lease:
    return Lease.objects.get()


def _held_by(holder: str, expires_in: float = 60.0) -> None:
    Lease.objects.update(holder=holder, token=7, expires_at=Now() + timedelta(seconds=expires_in))


def _this_machine() -> str:
    return this_holder().rsplit(" ", 2)[0]


def test_a_free_workflow_is_claimed_for_a_while(workflow_id: int) -> None:
    taken = claim(workflow_id)

    assert taken is not None
    assert (taken.claim, taken.workflow) == (Claim(workflow_id, 1, this_holder()), row())
    assert (_lease().holder, _lease().token) == (this_holder(), 1)
    lasts = Lease.objects.filter(
        expires_at__gt=Now() + timedelta(seconds=65), expires_at__lte=Now() + timedelta(seconds=75)
    )
    assert lasts.exists()


def test_the_holder_is_a_thread_of_a_process_of_a_machine() -> None:
    machine, pid, thread = this_holder().rsplit(" ", 2)

    assert machine
    assert (int(pid), int(thread)) == (os.getpid(), threading.get_ident())


def _zombie() -> str:
    """Return the holder's name of a process that has ended, and of which its parent took no note."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    _zombies.append(process)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return f"{_this_machine()} {process.pid} 1"


#: Kept, so that Python takes no note of them either.
_zombies: list[subprocess.Popen[bytes]] = []

#: Holder, seconds until its claim expires, and whether it is taken over.
HOLDERS: dict[str, tuple[Callable[[], str], float, bool]] = {
    "another machine": (lambda: f"elsewhere/pid:[1] {GONE_PID} 1", 60.0, False),
    "another machine whose claim has expired": (
        lambda: f"elsewhere/pid:[1] {GONE_PID} 1",
        -1.0,
        True,
    ),
    "another thread of this process": (lambda: f"{_this_machine()} {os.getpid()} 1", 60.0, False),
    "another process that lives": (lambda: f"{_this_machine()} {os.getppid()} 1", 60.0, False),
    "a process of this machine that is gone": (
        lambda: f"{_this_machine()} {GONE_PID} 1",
        60.0,
        True,
    ),
    "a process of this machine that ended, and is still listed": (_zombie, 60.0, True),
    "this thread": (this_holder, 60.0, True),
    "an earlier host of this thread": (new_holder, 60.0, False),
    "a name of another kind": (lambda: "worker-7", 60.0, False),
    "a name with no number": (lambda: f"{_this_machine()} seven 1", 60.0, False),
}


@pytest.mark.parametrize("who", HOLDERS)
def test_a_held_workflow_is_taken_over_only_from_who_is_gone(workflow_id: int, who: str) -> None:
    holder, expires_in, taken_over = HOLDERS[who]
    name = holder()
    _held_by(name, expires_in)

    if taken_over:
        assert _claimed(workflow_id) == Claim(workflow_id, 8, this_holder())
        assert _lease().holder == this_holder()
    else:
        assert claim(workflow_id) is None
        assert (_lease().holder, _lease().token) == (name, 7)


def test_the_host_leaves_a_workflow_that_another_worker_holds(workflow_id: int) -> None:
    _held_by("elsewhere/pid:[1] 5 1")
    send()

    assert advance(workflow_id).steps == 0
    assert (_lease().token, runs()) == (7, [])


def test_releasing_leaves_the_workflow_due_now(workflow_id: int) -> None:
    taken = _claimed(workflow_id)
    assert taken is not None
    release([taken])

    assert (_lease().holder, _lease().expires_at) == ("", None)
    assert Lease.objects.filter(next_due_at__lte=Now()).exists()


def test_releasing_a_claim_that_is_over_changes_nothing(workflow_id: int) -> None:
    first, second = _claimed(workflow_id), _claimed(workflow_id)
    assert first is not None
    assert second is not None
    before = Lease.objects.values().get()
    release([first])

    assert Lease.objects.values().get() == before


def test_a_claim_of_the_same_number_by_somebody_else_is_not_released(workflow_id: int) -> None:
    """After a crash of the database a number may be given again."""
    taken = _claimed(workflow_id)
    assert taken is not None
    Lease.objects.update(holder="elsewhere 1 1")
    before = Lease.objects.values().get()
    release([taken])

    assert Lease.objects.values().get() == before


@pytest.mark.django_db(transaction=True)
def test_a_claim_outlasts_a_call_of_whatever_mutator(deploy: Deploy) -> None:
    """Else another worker would ask about a call that may not have arrived yet."""
    outlasts: list[bool] = []

    def execute(params: Any, key: str) -> Any:
        later = Now() + timedelta(seconds=500)
        outlasts.append(Lease.objects.filter(expires_at__gt=later).exists())

    slow = mutator(execute, policy={"call_timeout_seconds": 500})
    quick = mutator(execute, name="carrier.quick", policy={"call_timeout_seconds": 5})
    ship = consumer(mutate=lambda prepared: MutationCall(slow, {}))
    deploy(code(ship, calls=[quick, slow]))
    send()
    host()

    assert outlasts == [True]


def test_a_workflow_at_rest_is_held_by_nobody(workflow_id: int) -> None:
    send()
    host()

    lease = _lease()
    assert (lease.holder, lease.expires_at, lease.next_due_at) == ("", None, None)
    assert lease.listens


def test_a_workflow_at_rest_is_due_when_a_consumer_wants_to_look_again(deploy: Deploy) -> None:
    deploy(code(consumer(lambda ctx, state: PrepareResult.nothing(wake_at=after(90)))))
    send()
    host()

    assert _lease().next_due_at == after(90)


@pytest.mark.django_db(transaction=True)
def test_a_host_that_fails_keeps_its_claim_while_a_call_is_under_way(deploy: Deploy) -> None:
    """Whoever recovers the run takes its call for ended, and may find that it did not happen."""
    released, sent = threading.Event(), threading.Event()

    def execute(params: Any, key: str) -> Any:
        if params["lane"] == "dies":
            assert sent.wait(60)
            raise SimulatedCrash
        sent.set()
        released.wait(60)
        return {}

    carrier = mutator(execute)
    ship = consumer(
        mutate=lambda prepared: MutationCall(carrier, {"lane": prepared.data[0]}), lane=by_payload
    )
    deploy(code(ship, calls=[carrier]))
    send("1", "dies")
    send("2", "under way")
    with pytest.raises(SimulatedCrash):
        host(at_once=2)
    assert (_lease().holder != "", host()) == (True, 0)
    assert {run.status for run in runs()} == {"active"}

    released.set()
    Lease.objects.update(expires_at=Now() - timedelta(seconds=1))
    host()
    assert {run.status for run in runs()} == {"blocked"}
