"""From an input, event, run or effect to all that belongs to it, as a graph and a timeline (P5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.addresses import page_of, text_of
from tests.admin.rows import add, stage
from workflows_app.admin.graph import BOXES_SHOWN, HEIGHT, WIDTH
from workflows_app.models import Event, Input, OperatorAction, Run
from workflows_app.operations import it_didnt_happen, skip_run

pytestmark = pytest.mark.django_db


def graph_of(client: Client, row: Any) -> tuple[list[str], int]:
    """Return where the boxes of the graph lead to, and how many arrows it has."""
    page = client.get(page_of(row)).content.decode()
    svg = page.split('<svg class="ops-graph"')[1].split("</svg>")[0]
    assert re.findall(r'<a href="([^"]+)"[^>]* aria-current="true"', svg) == [page_of(row)]
    return re.findall(r'<a href="([^"]+)"', svg), svg.count('class="ops-edge"')


def places_on(page: str) -> dict[str, tuple[int, int]]:
    """Return where the boxes of the graph stand, by what they lead to."""
    found = re.findall(r'<a href="([^"]+)" class="ops-node.*?<rect x="(\d+)" y="(\d+)"', page, re.S)
    return {address: (int(x), int(y)) for address, x, y in found}


def assert_arrows(page: str, *expected: tuple[Any, Any]) -> None:
    """Assert from what to what the arrows go: from the right side of a box to the left side of another."""
    places = places_on(page)
    begins = {(x + WIDTH, y + HEIGHT // 2): address for address, (x, y) in places.items()}
    ends = {(x - 2, y + HEIGHT // 2): address for address, (x, y) in places.items()}
    arrows = [
        (begins[int(x1), int(y1)], ends[int(x2), int(y2)])
        for x1, y1, x2, y2 in re.findall(r'd="M(\d+) (\d+)C[^"]* (\d+) (\d+)"', page)
    ]
    assert sorted(arrows) == sorted((page_of(one), page_of(other)) for one, other in expected)


def test_every_page_of_a_story_draws_all_of_it_and_links_to_it(
    scene: Callable[..., Any], viewer: Client, operator_user: User
) -> None:
    play = scene("lost")
    run = play.happens("42")
    skip_run(run, actor=operator_user, reason="Paid by card")
    play.run_host()
    event, cause, action = Event.objects.get(), Input.objects.get(), OperatorAction.objects.get()
    story = [cause, event, run, run.mutation, action]

    for row in (cause, event, run, run.mutation):
        boxes, arrows = graph_of(viewer, row)
        assert sorted(boxes) == sorted(map(page_of, story))
        assert arrows == 4

    text = text_of(viewer, page_of(cause))
    assert "From left to right: 1 input, 1 event, 1 run, 1 outside effect, 1 decision." in text
    timeline = text.split("Timeline")[1]
    words = ("input 42", "event invoice.received 42", "run Pay invoice 42", "effect scripted")
    order = [timeline.index(word) for word in (*words, "decision Skip by olga")]
    assert order == sorted(order)


def test_what_a_run_published_stands_right_of_it(scene: Callable[..., Any], viewer: Client) -> None:
    run = scene("applied").happens("42")
    received, paid = Event.objects.order_by("pk")
    page = viewer.get(page_of(run)).content.decode()
    places = places_on(page)
    cause, effect = Input.objects.get(), run.mutation
    line = [places[page_of(row)][0] for row in (cause, received, run, paid)]
    assert line == sorted(set(line))
    assert_arrows(page, (cause, received), (received, run), (run, effect), (run, paid))
    timeline = page.split('"ops-timeline"')[1].split("</ol>")[0]
    assert re.findall(r'href="([^"]+)"', timeline) == [
        page_of(row) for row in (cause, received, run, effect, paid)
    ]


def test_what_a_person_had_sent_again_is_no_failure_in_the_story(
    scene: Callable[..., Any], viewer: Client, operator_user: User
) -> None:
    run = scene("lost", "applied").happens("42")
    action = it_didnt_happen(run, actor=operator_user, reason="Not in the bank")

    page = viewer.get(page_of(run)).content.decode()

    svg = page.split('<svg class="ops-graph"')[1].split("</svg>")[0]
    again = Run.objects.get(retry_of=run)
    states = re.findall(r'<a href="([^"]+)" class="ops-node ops-node-([\w-]+)', svg)
    event, cause = Event.objects.get(), Input.objects.get()
    came_of_it = ((run, again), (run, run.mutation), (run, action))
    assert_arrows(page, (cause, event), (event, run), (event, again), *came_of_it)
    assert dict(states)[page_of(run)] == "sent-again"
    assert dict(states)[page_of(again)] == "waiting"
    assert (svg.count("sent again"), page.count("ops-state-sent-again")) == (1, 1)


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
    boxes, _ = graph_of(viewer, at.run)
    assert page_of(at.run) in boxes
    assert Run.objects.count() > len(boxes)
