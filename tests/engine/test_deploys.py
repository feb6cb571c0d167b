"""What happens to work under way when new code becomes active (P6): nothing is lost or revived."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.engine.dying import Dies, crash
from tests.engine.outside import RETRY, Outside
from tests.engine.stage import (
    NOW,
    RECEIVED,
    Deploy,
    calling,
    code,
    consumer,
    empty,
    host,
    last_run,
    row,
    runs,
    send,
    status_of,
    take_one,
)
from workflows_app import registry
from workflows_app.engine.versions import sync
from workflows_app.operations import it_didnt_happen, skip_event
from workflows_app.sdk import (
    MutationCall,
    MutationOutcome,
    NextContext,
    PrepareContext,
    PrepareResult,
    Reconciliation,
    TransientError,
)
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db

#: A repair and a re-plan of version 1.0.
HIGHER = pytest.mark.parametrize("version", ["1.1", "2.0"])


def _versions() -> list[tuple[str, str]]:
    return [(str(run.version), run.status) for run in runs()]


@HIGHER
def test_pending_goes_on_consumed_and_skipped_stay(
    deploy: Deploy, operator_user: User, version: str
) -> None:
    old, new = scripted("applied"), scripted("applied")
    deploy(calling(old))
    send("1")
    host()
    skip_event(send("2"), actor=operator_user, reason="a test order")
    send("3")
    deploy(calling(new, version=version))
    send("1", "changed")
    send("2", "changed")
    host()

    assert [status_of(message_id) for message_id in ("1", "2", "3")] == [
        "consumed",
        "skipped",
        "consumed",
    ]
    assert (len(old.calls), [params for params, _ in new.calls]) == (1, [{"of": ["a"]}])
    assert _versions() == [("1.0", "committed"), (version, "committed")]


@HIGHER
def test_what_is_blocked_stays_blocked_until_a_person_settles_it(
    deploy: Deploy, operator_user: User, version: str
) -> None:
    old, new = scripted("lost"), scripted("applied")
    deploy(calling(old))
    send("1")
    host()
    send("2")
    deploy(calling(new, version=version))
    assert host(10**8) == 0
    assert (last_run().status, status_of("1"), new.calls) == ("blocked", "reserved", [])

    it_didnt_happen(last_run(), actor=operator_user, reason="the list is empty")
    host()
    assert _versions() == [("1.0", "failed"), (version, "committed"), (version, "committed")]
    assert new.calls[0] == old.calls[0], "the same parameters under the same key"


@HIGHER
@pytest.mark.parametrize("outcome", ["rejected", "logic"])
def test_what_failed_for_good_is_tried_again_with_the_new_code(
    deploy: Deploy, version: str, outcome: str
) -> None:
    def fail(prepared: PrepareResult) -> Any:
        raise ValueError("a typo")

    deploy(calling(scripted("rejected")) if outcome == "rejected" else code(consumer(mutate=fail)))
    send()
    host()
    failed = last_run()
    assert (failed.failure_kind, host(10**8)) == (outcome, 0)
    deploy(calling(scripted("applied"), version=version))
    host()

    assert _versions() == [("1.0", "failed"), (version, "committed")]
    assert last_run().retry_of == failed
    assert failed.history.order_by("-history_id")[1].history_change_reason.startswith(
        f"version {version} active"
    )


def test_rolling_back_is_other_code_too(deploy: Deploy, operator_user: User) -> None:
    works, broken = calling(scripted("applied")), calling(scripted("rejected"), version="1.1")
    deploy(works)
    deploy(broken)
    send()
    host()
    sync(works, rollback=True, note="1.1 is refused", now=NOW, actor=operator_user)
    assert last_run().history.latest().history_user == operator_user
    with registry.override(works):
        host()

    assert _versions() == [("1.1", "failed"), ("1.0", "committed")]


def test_a_backoff_goes_on_under_new_code(deploy: Deploy) -> None:
    dies = iter([TransientError("down"), None])

    def prepare(ctx: PrepareContext, state: Any) -> PrepareResult:
        error = next(dies)
        if error:
            raise error
        return take_one(ctx, state)

    deploy(code(consumer(prepare)))
    send()
    host()
    deploy(code(consumer(prepare), version="1.1"))
    assert host(7) == 0
    host(10)

    assert _versions() == [("1.0", "failed"), ("1.1", "committed")]


def test_an_unknown_outcome_is_asked_about_by_the_new_code(deploy: Deploy) -> None:
    old, new = Outside(RETRY), Outside(Reconciliation.applied({"parcel": 7}))
    told: list[MutationOutcome] = []
    deploy(calling(old.mutator))
    send()
    host()
    deploy(calling(new.mutator, lambda ctx, prepared, outcome: told.append(outcome), version="1.1"))
    host(10)

    assert (len(old.sent), new.sent, len(new.asked)) == (1, [], 1)
    assert new.asked[0][1] == old.sent[0]
    assert told == [MutationOutcome("applied", {"parcel": 7})]
    assert _versions() == [("1.1", "committed")], "next ran as 1.1"


def test_a_failure_of_next_after_asking_names_the_version_that_failed(deploy: Deploy) -> None:
    old, new = Outside(RETRY), Outside(Reconciliation.applied())

    def broken(ctx: NextContext, prepared: PrepareResult, outcome: MutationOutcome) -> Any:
        raise ValueError("a typo")

    deploy(calling(old.mutator))
    send()
    host()
    deploy(calling(new.mutator, broken, version="1.1"))
    host(10)

    told = "ValueError: a typo"
    assert (_versions(), last_run().failure_message) == ([("1.1", "failed")], told)


def test_a_crash_is_recovered_by_the_new_code(deploy: Deploy) -> None:
    called = scripted("crash", reconcilable=True)
    deploy(calling(called))
    send()
    crash()
    deploy(calling(called, version="1.1"))
    host()

    assert (len(called.calls), _versions()) == (1, [("1.1", "committed")])


def test_a_crash_before_the_checkpoint_is_repeated_by_the_new_code(deploy: Deploy) -> None:
    dies = Dies()
    deploy(code(consumer(mutate=lambda prepared: dies())))
    send()
    crash()
    deploy(code(consumer(), version="1.1"))
    host()
    host(10)

    assert _versions() == [("1.0", "crashed"), ("1.1", "committed")]


def test_new_code_looks_once_at_what_the_old_code_left(deploy: Deploy) -> None:
    deploy(code(consumer(empty)))
    send()
    assert (host(), host(10**8)) == (1, 0)
    deploy(code(consumer(), version="1.1"))
    host()

    assert status_of("1") == "consumed"


def test_what_a_person_had_asserted_is_called_as_the_new_code_says(
    deploy: Deploy, operator_user: User
) -> None:
    old, new = scripted("timeout"), scripted("applied")
    deploy(calling(old))
    send()
    host()
    repaired = consumer(mutate=lambda prepared: MutationCall(new, {"to": prepared.data[0]}))
    deploy(code(repaired, calls=[new], version="1.1"))
    it_didnt_happen(last_run(), actor=operator_user, reason="the list is empty")
    host()

    assert new.calls == [({"to": "a"}, old.calls[0][1])]
    assert row().topics.get(name=RECEIVED).events.get().status == "consumed"
