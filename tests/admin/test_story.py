"""From an input, event, run or effect to all that belongs to it, as a graph and a timeline (P5)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.addresses import page_of, text_of
from tests.admin.rows import add, stage
from tests.models.rows import Rows
from workflows_app.admin.graph import BOXES_SHOWN, LINES_SHOWN
from workflows_app.models import Run

pytestmark = pytest.mark.django_db


def graph_of(client: Client, row: Any) -> tuple[list[str], int]:
    """Return where the boxes of the graph lead to, and how many arrows it has."""
    page = client.get(page_of(row)).content.decode()
    svg = page.split('<svg class="ops-graph"')[1].split("</svg>")[0]
    assert re.findall(r'<a href="([^"]+)"[^>]* aria-current="true"', svg) == [page_of(row)]
    return re.findall(r'<a href="([^"]+)"', svg), svg.count('class="ops-edge"')


def test_of_many_some_are_drawn_and_the_rest_is_counted(
    operator_user: User, viewer: Client
) -> None:
    at = stage(operator_user)
    add(at, 30, "more")

    boxes, _ = graph_of(viewer, at.input)

    assert page_of(at.input) in boxes
    assert sum("/event/" in box for box in boxes) == BOXES_SHOWN
    text = text_of(viewer, page_of(at.input))
    assert f"and {31 - BOXES_SHOWN} more events" in text
    assert f"From left to right: 1 input, {BOXES_SHOWN} events" in text
    timeline = viewer.get(page_of(at.run)).content.decode().split('class="ops-timeline"')[1]
    listed = timeline.split("</ol>")[0]
    assert (listed.count("<li>"), "decision" in listed) == (LINES_SHOWN, True)
    assert "Not listed: 34 from before." in text_of(viewer, page_of(at.run))
    boxes, _ = graph_of(viewer, at.run)
    assert page_of(at.run) in boxes
    assert Run.objects.count() > len(boxes)


def test_a_third_attempt_shows_the_effect_that_it_carries_from_the_first(viewer: Client) -> None:
    rows = Rows()
    first = rows.run("failed")
    effect = rows.mutation(first, "skipped", resolved_by="operator")
    second = rows.run("failed", retry_of=first, carried_mutation=effect)
    third = rows.run("committed", retry_of=second, carried_mutation=effect)

    boxes, arrows = graph_of(viewer, third)

    assert sorted(boxes) == sorted(map(page_of, (effect, second, third)))
    assert arrows == 3
    assert "run, skipped" in text_of(viewer, page_of(third))


def test_a_second_attempt_shows_the_one_before_it_and_the_one_after(viewer: Client) -> None:
    rows = Rows()
    first = rows.run("failed")
    second = rows.run("failed", retry_of=first)
    third = rows.run("committed", retry_of=second)

    boxes, arrows = graph_of(viewer, second)

    assert (sorted(boxes), arrows) == (sorted(map(page_of, (first, second, third))), 2)
