"""What of a version no story shows: other code while developing, and what is secret (P6)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django import Settings

from tests.engine.stage import (
    NOW,
    SLUG,
    Deploy,
    by_payload,
    code,
    consumer,
    host,
    producer,
    row,
    runs,
    send,
    statuses,
)
from workflows_app import registry
from workflows_app.engine.versions import SyncResult, sync
from workflows_app.errors import SyncRefused
from workflows_app.models import Handler, WorkflowVersion
from workflows_app.models import Workflow as WorkflowRow
from workflows_app.sdk import PrepareContext, PrepareResult, Workflow

pytestmark = pytest.mark.django_db


FIRST_AT = (
    "SimpleNamespace.first_at: what it returns must be a datetime with a time zone, 11,574 days from now at"
    " most"
)


def _at(version: str, *, edited: bool = False) -> type[Workflow]:
    """Return the workflow at this version; `edited`: of other code."""
    return code(consumer(), version=version, policy={"peek_limit": 7} if edited else {})


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


def _fails(now: datetime) -> datetime:
    raise LookupError("no calendar for next year")


@pytest.mark.parametrize(
    ("first_at", "why"),
    [
        (lambda now: None, f"{FIRST_AT}, but is NoneType: None."),
        (lambda now: datetime(2030, 1, 1), f"{FIRST_AT}, but is datetime: datetime.datetime(2030, 1, 1, 0, 0)."),
        (_fails, "LookupError: no calendar for next year"),
    ],
)  # fmt: skip
def test_a_schedule_that_can_not_say_when_it_is_due_is_refused(
    first_at: Callable[[datetime], Any], why: str
) -> None:
    schedule = SimpleNamespace(first_at=first_at, next_after=lambda now: now)

    with pytest.raises(SyncRefused) as refused:
        sync(code(producer(lambda ctx, state: None, schedule)), now=NOW)

    assert refused.value.code == "schedule_refused"
    assert str(refused.value) == f"ship 1.0: the schedule of 'Import' fails. {why}"
    assert not WorkflowRow.objects.exists()


def test_the_title_and_what_is_secret_follow_the_code() -> None:
    sync(_at("1.0"), now=NOW)
    renamed = _at("1.1")
    renamed.title = "Send the parcels"
    renamed.secret_fields = ["pin", "iban"]
    sync(renamed, now=NOW)

    assert (row().title, row().secret_names) == ("Send the parcels", ["iban", "pin"])


@pytest.mark.usefixtures("sound")
def test_the_lane_of_a_retry_that_went_with_its_consumer_is_free_for_the_others(
    deploy: Deploy,
) -> None:
    def fails(ctx: PrepareContext, state: Any) -> PrepareResult:
        raise ValueError("not ready yet")

    def pack(ctx: PrepareContext, state: Any) -> PrepareResult:
        return PrepareResult(ctx.peek("order.packed", limit=1))

    other = consumer(pack, name="Pack", subscribes=["order.packed"], publishes=[], lane=by_payload)
    deploy(code(consumer(fails, lane=by_payload), other))
    send("1", "lane a")
    send("2", "lane a", topic="order.packed")
    host()
    (failed,) = runs()
    assert (failed.owes_retry, failed.lane, statuses()["2"]) == (True, "lane a", "pending")

    without = code(other, version="1.1")
    with registry.override(without):
        sync(without, accept_orphans=True, now=NOW)
        host()
    assert statuses() == {"1": "pending", "2": "consumed"}
