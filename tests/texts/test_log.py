"""What the log tells while the stage is set up: each line with its level, its logger and its facts."""

from __future__ import annotations

import logging

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.texts.stage import staged
from tests.texts.told import without_moments

pytestmark = pytest.mark.django_db


def test_each_thing_that_happens_is_told_once(
    kept: SnapshotAssertion, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "workflows_app"), staged():
        told = [
            f"{record.levelname} {record.name}: {without_moments(record.getMessage())}"
            for record in caplog.records
            if record.name.startswith("workflows_app")
        ]
    assert "\n".join(told) + "\n" == kept(name="log")
