"""Lanes on the pages of workflows, handlers, events and runs: which are held, by what, since when (P2, P8)."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.admin.addresses import page_of, text_of
from tests.models.rows import NOON, Rows
from workflows_app.models import LaneState

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(db: None) -> Rows:
    return Rows()


def test_of_more_than_a_hundred_held_lanes_the_number_is_told(rows: Rows, viewer: Client) -> None:
    failed = {"owes_retry": True, "failure_message": "no such account", "ended_at": NOON}
    for number in range(103):
        rows.run("failed", lane=f"lane {number:03}", **failed)

    text = text_of(viewer, page_of(rows.workflow))

    assert "103 of 103 lanes are held." in text
    assert text.count("no such account") == 100
    assert "And 3 more." in text


def test_a_handler_lists_a_hundred_lanes_at_most(rows: Rows, viewer: Client) -> None:
    LaneState.objects.bulk_create(
        LaneState(handler=rows.handler, lane=f"lane {number}") for number in range(101)
    )
    text = text_of(viewer, page_of(rows.handler))
    assert text.count("when an event arrives") == 100
    assert "And more lanes than are shown." in text
