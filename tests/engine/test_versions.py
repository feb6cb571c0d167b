"""What of a version no story shows: other code while developing, and what is secret (P6)."""

from __future__ import annotations

import logging

import pytest
from pytest_django import Settings

from tests.engine.stage import NOW, SLUG, code, consumer, producer, row
from workflows_app import registry
from workflows_app.engine.versions import SyncResult, sync
from workflows_app.models import Handler, WorkflowVersion
from workflows_app.sdk import Workflow

pytestmark = pytest.mark.django_db


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


def test_the_title_and_what_is_secret_follow_the_code() -> None:
    sync(_at("1.0"), now=NOW)
    renamed = _at("1.1")
    renamed.title = "Send the parcels"
    renamed.secret_fields = ["pin", "iban"]
    sync(renamed, now=NOW)

    assert (row().title, row().secret_names) == ("Send the parcels", ["iban", "pin"])
