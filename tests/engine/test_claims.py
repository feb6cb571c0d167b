"""One worker at a time advances a workflow; who may take over, and when (P1)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from tests.engine.stage import (
    NOW,
    Deploy,
    after,
    code,
    consumer,
    host,
    row,
    runs,
    send,
)
from workflows_app.engine import claims
from workflows_app.engine.claims import Claim, claim, held, release, this_holder
from workflows_app.engine.host import advance
from workflows_app.errors import Fenced
from workflows_app.models import Lease
from workflows_app.sdk import PrepareResult

pytestmark = pytest.mark.django_db

#: Above the largest process number that Linux gives.
GONE_PID = 2**22 + 1


@pytest.fixture
def workflow_id(deploy: Deploy) -> int:
    deploy(code(consumer()))
    return row().pk


def _lease() -> Lease:
    return Lease.objects.get()


def _held_by(holder: str, expires_in: float = 60.0) -> None:
    Lease.objects.update(holder=holder, token=7, expires_at=Now() + timedelta(seconds=expires_in))


def _this_machine() -> str:
    return this_holder().rsplit(" ", 2)[0]


def test_a_free_workflow_is_claimed_for_a_while(workflow_id: int) -> None:
    taken = claim(workflow_id)

    assert taken == Claim(workflow_id, 1)
    assert (_lease().holder, _lease().token) == (this_holder(), 1)
    lasts = Lease.objects.filter(
        expires_at__gt=Now() + timedelta(seconds=50), expires_at__lte=Now() + timedelta(seconds=60)
    )
    assert lasts.exists()


def test_the_holder_is_a_thread_of_a_process_of_a_machine() -> None:
    machine, pid, thread = this_holder().rsplit(" ", 2)

    assert machine
    assert (int(pid), int(thread)) == (os.getpid(), threading.get_ident())


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
    "this thread": (this_holder, 60.0, True),
    "a name of another kind": (lambda: "worker-7", 60.0, False),
    "a name with no number": (lambda: f"{_this_machine()} seven 1", 60.0, False),
}


@pytest.mark.parametrize("who", HOLDERS)
def test_a_held_workflow_is_taken_over_only_from_who_is_gone(workflow_id: int, who: str) -> None:
    holder, expires_in, taken_over = HOLDERS[who]
    _held_by(holder(), expires_in)

    if taken_over:
        assert claim(workflow_id) == Claim(workflow_id, 8)
        assert _lease().holder == this_holder()
    else:
        assert claim(workflow_id) is None
        assert (_lease().holder, _lease().token) == (holder(), 7)


def test_the_host_leaves_a_workflow_that_another_worker_holds(workflow_id: int) -> None:
    _held_by("elsewhere/pid:[1] 5 1")
    send()

    assert advance(workflow_id).steps == 0
    assert (_lease().token, runs()) == (7, [])


def test_every_claim_ends_the_earlier_ones(workflow_id: int) -> None:
    first, second = claim(workflow_id), claim(workflow_id)
    assert first is not None
    assert second is not None

    with held(second):
        pass
    with pytest.raises(Fenced) as raised, held(first):
        raise AssertionError("the block must not be entered")
    assert str(raised.value) == (
        f"Claim 1 on workflow {workflow_id} is over; another worker has taken it."
    )


def test_work_under_a_claim_is_one_transaction(workflow_id: int) -> None:
    taken = claim(workflow_id)
    assert taken is not None

    def begin_and_fail() -> None:
        with held(taken) as workflow:
            workflow.title = "half done"
            workflow.save(update_fields=["title"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begin_and_fail()
    assert row().title == "Ship the orders"


def test_a_claim_is_extended_but_never_shortened(workflow_id: int) -> None:
    taken = claim(workflow_id)
    assert taken is not None
    with held(taken) as workflow:
        claims.extend(workflow.lease, seconds=300)
    long = _lease().expires_at
    with held(taken) as workflow:
        claims.extend(workflow.lease, seconds=10)

    assert Lease.objects.filter(expires_at__gt=Now() + timedelta(seconds=290)).exists()
    assert _lease().expires_at == long


def test_releasing_leaves_the_workflow_due(workflow_id: int) -> None:
    taken = claim(workflow_id)
    assert taken is not None
    release(taken, due_at=NOW)

    assert (_lease().holder, _lease().expires_at, _lease().next_due_at) == ("", None, NOW)


def test_releasing_a_claim_that_is_over_changes_nothing(workflow_id: int) -> None:
    first, second = claim(workflow_id), claim(workflow_id)
    assert first is not None
    assert second is not None
    before = Lease.objects.values().get()
    release(first, due_at=NOW)

    assert Lease.objects.values().get() == before


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
