"""A sure no of the outside system (P1): nothing happened, and `retryable` says whether to retry."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.engine.stage import (
    RECEIVED,
    Deploy,
    calling,
    evidence_of,
    fresh,
    host,
    last_run,
    reasons,
    row,
    runs,
    send,
    status_of,
)
from workflows_app.operations import retry_failed_run
from workflows_app.publishing import publish
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db


def test_a_sure_no_that_may_change_is_retried_from_a_fresh_prepare(deploy: Deploy) -> None:
    called = scripted("refused", "applied")
    deploy(calling(called))
    event = send()
    host()
    failed = last_run()

    assert (failed.status, failed.failure_kind, failed.failure_phase) == (
        "failed",
        "transient",
        "mutating",
    )
    assert failed.failure_message == "refused by the script"
    assert (failed.mutation.status, failed.mutation.resolved_by) == ("failed", "response")
    assert evidence_of(failed.mutation) == [("execute", "not_applied", "refused by the script", 1)]
    assert reasons(failed.mutation)[-1] == (
        "failed",
        "it did not happen, by the answer to the call: refused by the script",
    )
    assert fresh(event).status == "pending"
    assert host(7) == 0

    host(10)
    assert [run.status for run in runs()] == ["failed", "committed"]
    assert len({key for _, key in called.calls}) == 2, "a fresh prepare has a key of its own"
    assert len(called.effects) == 1


def test_a_sure_no_to_these_parameters_waits_for_other_code_or_a_person(
    deploy: Deploy, operator_user: User
) -> None:
    called = scripted("rejected", "applied")
    deploy(calling(called))
    send()
    host()
    failed = last_run()

    assert (failed.status, failed.failure_kind) == ("failed", "rejected")
    assert (failed.owes_retry, failed.retry_due_at) == (True, None)
    assert (failed.mutation.status, status_of("1")) == ("failed", "pending")
    assert host(10**8) == 0

    retry_failed_run(failed, actor=operator_user, reason="the account is open again")
    host()
    assert (last_run().status, last_run().retry_of) == ("committed", failed)
    assert len(called.calls) == 2


def test_a_failure_of_one_workflow_holds_no_other(deploy: Deploy) -> None:
    deploy(calling(scripted("rejected")))
    other = scripted("applied")
    deploy(calling(other, slug="other"))
    send()
    publish(workflow="other", topic=RECEIVED, message_id="1", payload=0)
    host()
    host(slug="other")

    assert (row().is_blocked, row("other").is_blocked) == (True, False)
    assert last_run("other").status == "committed"
