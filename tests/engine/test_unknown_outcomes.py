"""An unknown outcome is asked about, or blocks until a person settles it; never guessed (P1, P3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    NOW,
    Deploy,
    after,
    calling,
    evidence_of,
    fresh,
    host,
    last_run,
    mutator,
    reasons,
    row,
    runs,
    send,
    status_of,
    waits_about,
)
from workflows_app.sdk import MutationOutcome, Mutator, NotApplied, Reconciliation, TransientError
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db


class Refused(NotApplied):
    """What an author may write who forgets the base."""

    def __init__(self) -> None:
        """Leave all out."""


class Lazy(dict[str, Any]):
    """What may fail as late as when it is read."""

    def items(self) -> Any:
        raise ConnectionError("reset by peer")


class Unshowable:
    def __repr__(self) -> str:
        raise ValueError("nothing to show")


ANSWERS: dict[str, tuple[Any, str]] = {
    "a time-out of the outside system": (TimeoutError("no answer"), "TimeoutError: no answer"),
    "a transient error": (TransientError("busy"), "TransientError: busy"),
    "any other error": (KeyError("id"), "KeyError: 'id'"),
    "a result that is not JSON": (
        object,
        "the call returned, but result is not JSON: type has no JSON form. It returned: type"
        " <class 'object'>",
    ),
    "a result that can't even be shown": (
        Unshowable(),
        "the call returned, but result is not JSON: Unshowable has no JSON form. It returned: Unshowable",
    ),
    "a result that is too large": (
        "x" * 300_000,
        "the call returned, but result takes 300,002 bytes as JSON; at most 262,144 are allowed. Store"
        " the bulk elsewhere and keep a reference, or raise WORKFLOWS['json_max_bytes']. It returned:"
        f" str '{'x' * 199}",
    ),
    "an error the database can't keep": (ValueError("\x00"), "ValueError: \\x00"),
    "an error without words": (RuntimeError(), "RuntimeError: "),
    "a refusal without a reason": (
        Refused(),
        "the answer can't be read: AttributeError: 'Refused' object has no attribute 'reason'",
    ),
    "a result that can't be read": (
        Lazy(number=1),
        "the answer can't be read: ConnectionError: reset by peer",
    ),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_whatever_is_not_sure_is_unknown_and_blocks_if_nobody_can_ask(
    deploy: Deploy, what: str
) -> None:
    answer, detail = ANSWERS[what]

    def execute(params: Any, key: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    deploy(calling(mutator(execute)))
    event = send()
    host()
    run = last_run()
    why = f"outcome unknown, and nobody can be asked: {detail}"

    assert (run.status, run.phase, run.mutation.status) == ("blocked", "mutating", "indeterminate")
    assert (run.mutation.resolved_by, run.mutation.next_reconcile_at) == ("", None)
    assert evidence_of(run.mutation) == [("execute", "unknown", detail, 1)]
    assert reasons(run)[-1] == ("blocked", why)
    assert reasons(run.mutation)[-1] == ("indeterminate", why)
    assert (fresh(event).status, fresh(event).reserved_by) == ("reserved", run)
    assert row().is_blocked
    send("2")
    assert host(10**8) == 0, "nothing else of the workflow starts"
    assert status_of("2") == "pending"


def test_asking_finds_that_it_happened_and_the_same_run_goes_on(deploy: Deploy) -> None:
    outside = Outside(Reconciliation.applied({"parcel": 7}))
    outcomes: list[MutationOutcome] = []
    deploy(calling(outside.mutator, lambda ctx, prepared, outcome: outcomes.append(outcome)))
    send("1", "a")
    host()
    (run,) = runs()

    assert outcomes == [MutationOutcome("applied", {"parcel": 7})]
    assert (run.status, run.mutation.status) == ("committed", "applied")
    assert (run.mutation.result, run.mutation.resolved_by) == ({"parcel": 7}, "reconcile")
    assert outside.asked == [({"of": ["a"]}, outside.sent[0])]
    assert len(outside.sent) == 1
    assert evidence_of(run.mutation) == [
        ("execute", "unknown", "ConnectionError: reset by peer", 1),
        ("reconcile", "applied", "", 1),
    ]
    assert reasons(run) == [
        ("active", "started"),
        ("active", "about to call carrier.ship"),
        ("reconciling", "outcome unknown: ConnectionError: reset by peer"),
        ("active", "carrier.ship was applied"),
        ("committed", "committed"),
    ]
    assert reasons(run.mutation) == [
        ("in_flight", "about to be sent"),
        ("needs_reconcile", "outcome unknown: ConnectionError: reset by peer"),
        ("applied", "it happened, by asking the outside system"),
    ]


def test_asking_finds_that_it_did_not_happen_and_prepare_runs_afresh(deploy: Deploy) -> None:
    called = scripted("timeout", "applied", reconcilable=True)
    deploy(calling(called))
    event = send()
    host()
    failed = last_run()

    assert (failed.status, failed.failure_kind) == ("failed", "transient")
    assert failed.failure_message == "the outside system does not have it"
    assert (failed.mutation.status, failed.mutation.resolved_by) == ("failed", "reconcile")
    assert waits_about(failed, 10)
    assert fresh(event).status == "pending"

    host(10)
    retry = last_run()
    assert (retry.status, retry.retry_of) == ("committed", failed)
    first, second = (key for _, key in called.calls)
    assert first != second
    assert called.effects == [second]


UNSURE: dict[str, tuple[Any, str]] = {
    "retry": (RETRY, "the search is down"),
    "an error": (ValueError("no such page"), "ValueError: no such page"),
    "NotApplied": (NotApplied("not there"), "NotApplied: not there"),
    "an error the database can't keep": (ValueError("\x00"), "ValueError: \\x00"),
    "a result that can't be read": (
        Reconciliation.applied(Lazy(number=1)),
        "the answer can't be read: ConnectionError: reset by peer",
    ),
    "nothing": (None, "reconcile returned NoneType, no Reconciliation"),
    "a bool": (True, "reconcile returned bool, no Reconciliation"),
    "a class": (Reconciliation, "reconcile returned type, no Reconciliation"),
    "an unknown verdict": (Reconciliation("maybe", why="who knows"), "who knows"),  # type: ignore[arg-type]
    "a result that is not JSON": (
        Reconciliation.applied({"at": NOW}),
        "the call returned, but result.at is not JSON: datetime has no JSON form; give it as a text. It returned: dict"
        f" {{'at': {NOW!r}}}",
    ),
}


@pytest.mark.parametrize("what", UNSURE)
def test_an_unsure_answer_means_to_ask_again_later(deploy: Deploy, what: str) -> None:
    answer, detail = UNSURE[what]
    outside = Outside(answer, Reconciliation.applied())
    deploy(calling(outside.mutator))
    event = send()
    host()
    run = last_run()

    assert (run.status, run.mutation.status) == ("reconciling", "needs_reconcile")
    assert (run.mutation.reconcile_attempts, run.mutation.next_reconcile_at) == (1, after(10))
    assert evidence_of(run.mutation)[1:] == [("reconcile", "unknown", detail, 1)]
    assert reasons(run.mutation)[-1] == (
        "needs_reconcile",
        f"still unknown, attempt 1: {detail}",
    )
    assert fresh(event).reserved_by == run
    assert not row().is_blocked, "the host still asks"
    assert host(9) == 0

    host(10)
    assert (last_run().status, len(outside.sent)) == ("committed", 1)
    assert last_run().mutation.result is None


def test_a_mutator_that_cannot_be_made_is_asked_as_often_as_any(deploy: Deploy) -> None:
    outside = Outside(Reconciliation.applied())
    made: list[int] = []

    def make(self: Mutator) -> None:
        made.append(1)
        if len(made) == 3:
            raise ValueError("no configuration")

    setattr(outside.mutator, "__init__", make)  # noqa: B010 - it is a test that breaks it
    deploy(calling(outside.mutator))
    send()
    host()
    assert evidence_of(last_run().mutation)[-1] == (
        "reconcile",
        "unknown",
        "ValueError: no configuration",
        1,
    )

    host(10)
    assert last_run().status == "committed"
