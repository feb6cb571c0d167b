"""Recording a version and making it active: the table of the design's section 8 (P6)."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from tests.engine.stage import (
    NOW,
    RECEIVED,
    SHIPPED,
    SLUG,
    code,
    consumer,
    producer,
    reasons,
    row,
)
from tests.operations.readiness import everything
from workflows_app import registry
from workflows_app.engine.versions import SyncResult, sync
from workflows_app.errors import SyncRefused
from workflows_app.models import Handler, LaneState, WorkflowVersion
from workflows_app.sdk import Workflow

pytestmark = pytest.mark.django_db


def _at(version: str, *, edited: bool = False) -> type[Workflow]:
    """Return the workflow at this version; `edited`: of other code."""
    return code(consumer(), version=version, policy={"peek_limit": 7} if edited else {})


def _known() -> dict[str, str]:
    """Return the kind of each recorded version."""
    return {str(version): version.kind for version in WorkflowVersion.objects.order_by("pk")}


def _refused(workflow: type[Workflow], **options: Any) -> tuple[str, str]:
    """Assert that the version is refused and nothing changed; return the code and the sentence."""
    before = str(row().active_version), _known(), reasons(row())
    with pytest.raises(SyncRefused) as refused:
        sync(workflow, now=NOW, **options)
    assert (str(row().active_version), _known(), reasons(row())) == before
    return refused.value.code, str(refused.value)


def test_the_first_version_is_recorded_with_who_and_why(operator_user: User) -> None:
    result = sync(
        code(consumer(), producer(lambda ctx, state: None), version="2.3"),
        actor=operator_user,
        note="for the new warehouse",
        now=NOW,
    )
    version = WorkflowVersion.objects.get()

    assert result == SyncResult(SLUG, "2.3", "created")
    assert (version.major, version.minor, version.kind) == (2, 3, "initial")
    assert (version.note, version.actor) == ("for the new warehouse", operator_user)
    assert version.history.get().history_user == operator_user
    assert (row().active_version, row().title, row().status) == (
        version,
        "Ship the orders",
        "active",
    )
    newest = row().history.latest()
    assert newest.history_change_reason == "version 2.3 active (created): for the new warehouse"
    assert newest.history_user == operator_user
    assert row().lease.next_due_at == NOW


def test_handlers_and_topics_are_known_from_then_on() -> None:
    sync(code(consumer(), producer(lambda ctx, state: None)), now=NOW)

    handlers = Handler.objects.order_by("name").values_list("name", "kind", "is_current")
    assert list(handlers) == [("Import", "producer", True), ("Ship", "consumer", True)]
    topics = {topic.name: topic.consumer for topic in row().topics.all()}
    assert topics == {RECEIVED: Handler.objects.get(name="Ship"), SHIPPED: None}


def test_the_same_version_with_the_same_code_changes_nothing() -> None:
    sync(_at("1.0"), now=NOW)
    before = everything()

    assert sync(_at("1.0")) == SyncResult(SLUG, "1.0", "unchanged")
    assert everything() == before


def test_the_same_version_with_other_code_is_refused() -> None:
    sync(_at("1.0"), now=NOW)

    assert _refused(_at("1.0", edited=True)) == (
        "same_version_other_code",
        "ship: version 1.0 is active with other code. Raise the version: minor for a repair, major"
        " for a re-plan.",
    )


def test_with_debug_the_same_version_with_other_code_is_accepted_with_a_warning(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    sync(_at("1.0"), now=NOW)
    settings.DEBUG = True
    edited = code(consumer(), producer(lambda ctx, state: None), version="1.0")

    assert sync(edited, now=NOW) == SyncResult(SLUG, "1.0", "edited")
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage() == (
        "ship: version 1.0 is active with other code. Raise the version: minor for a repair, major"
        " for a re-plan. (accepted, because of DEBUG)"
    )
    assert Handler.objects.filter(name="Import", is_current=True).exists()
    assert WorkflowVersion.objects.get().source_digest == registry.source_digest(edited)
    assert sync(edited, now=NOW).outcome == "unchanged"


@pytest.mark.parametrize(
    ("version", "outcome", "kind"),
    [
        ("1.6", "repaired", "repair"),
        ("1.17", "repaired", "repair"),
        ("2.0", "replanned", "replan"),
        ("2.9", "replanned", "replan"),
        ("10.0", "replanned", "replan"),
    ],
)
def test_a_higher_version_becomes_active(version: str, outcome: str, kind: str) -> None:
    sync(_at("1.5"), now=NOW)

    assert sync(_at(version, edited=True), note="new form") == SyncResult(SLUG, version, outcome)
    assert _known() == {"1.5": "initial", version: kind}
    assert str(row().active_version) == version
    assert row().history.latest().history_change_reason == (
        f"version {version} active ({outcome}): new form"
    )


@pytest.mark.parametrize("version", ["1.4", "0.9"])
def test_a_lower_version_is_refused_without_rollback_and_a_reason(version: str) -> None:
    sync(_at("1.5"), now=NOW)

    assert _refused(_at(version)) == (
        "lower_version",
        f"ship: the code has version {version}, but 1.5 is active. To go back, use --rollback with"
        " a reason.",
    )
    assert _refused(_at(version), rollback=True, note=" ") == (
        "reason_required",
        "ship: --rollback needs a reason.",
    )


def test_rolling_back_makes_the_known_version_active_again(operator_user: User) -> None:
    sync(_at("1.4"), now=NOW)
    sync(_at("1.5", edited=True), now=NOW)
    result = sync(_at("1.4"), rollback=True, note="1.5 ships twice", actor=operator_user)

    assert result == SyncResult(SLUG, "1.4", "rolled_back")
    assert _known() == {"1.4": "initial", "1.5": "repair"}
    newest = row().history.latest()
    assert (newest.history_change_reason, newest.history_user) == (
        "version 1.4 active (rolled_back): 1.5 ships twice",
        operator_user,
    )
    assert sync(_at("1.5", edited=True)).outcome == "repaired", "and forward again"
    assert str(row().active_version) == "1.5"


@pytest.mark.parametrize(("version", "kind"), [("2.1", "repair"), ("1.9", "replan")])
def test_rolling_back_to_a_version_that_was_never_deployed_records_it(
    version: str, kind: str
) -> None:
    sync(_at("2.2"), now=NOW)
    sync(_at(version), rollback=True, note="2.2 ships twice")

    assert _known() == {"2.2": "initial", version: kind}


def test_rolling_back_to_a_known_version_with_other_code_is_refused() -> None:
    sync(_at("1.4"), now=NOW)
    sync(_at("1.5"), now=NOW)

    assert _refused(_at("1.4", edited=True), rollback=True, note="back") == (
        "same_version_other_code",
        "ship: version 1.4 is known with other code. Raise the version: minor for a repair, major"
        " for a re-plan.",
    )


def test_a_handler_that_is_gone_is_no_longer_current_and_its_topic_nobodys() -> None:
    ship = consumer(subscribes=[RECEIVED, "order.cancelled"])
    sync(code(ship, producer(lambda ctx, state: None)), now=NOW)
    LaneState.objects.update(state={"kept": True})
    bill = consumer(name="Bill", subscribes=[SHIPPED], publishes=[])
    fetch = producer(lambda ctx, state: None, name="Fetch", publishes=[RECEIVED])
    sync(code(bill, fetch, version="1.1"), now=NOW, accept_orphans=True)

    current = dict(Handler.objects.values_list("name", "is_current"))
    assert current == {"Import": False, "Ship": False, "Bill": True, "Fetch": True}
    topics = {topic.name: str(topic.consumer or "nobody") for topic in row().topics.all()}
    assert topics == {RECEIVED: "nobody", "order.cancelled": "nobody", SHIPPED: "ship: Bill"}

    sync(code(consumer(), version="1.2"), now=NOW, accept_orphans=True)
    assert Handler.objects.get(name="Ship").state == {"kept": True}, "and back it is as it was"


def test_the_title_and_what_is_secret_follow_the_code() -> None:
    sync(_at("1.0"), now=NOW)
    renamed = _at("1.1")
    renamed.title = "Send the parcels"
    renamed.secret_fields = ["pin", "iban"]
    sync(renamed, now=NOW)

    assert (row().title, row().secret_names) == ("Send the parcels", ["iban", "pin"])
