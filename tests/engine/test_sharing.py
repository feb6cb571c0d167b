"""What a worker gives back to others: what waits for its places, and their share of what it can't keep up with (P8)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from tests.engine.hosts import Door, Start
from tests.engine.stage import RECEIVED, Deploy, calling, code, consumer, mutator, row, send
from tests.eventually import eventually
from workflows_app.engine.sharing import Crowd, Sharing
from workflows_app.models import Event, Mutation
from workflows_app.publishing import publish


@pytest.mark.parametrize(
    ("held", "crowd", "rested", "is_full", "surplus"),
    [
        (16, Crowd(workers=2, claimed=16), 0.0, False, 8),
        (9, Crowd(workers=2, claimed=16), 0.0, False, 1),
        (8, Crowd(workers=2, claimed=16), 0.0, False, 0),
        (5, Crowd(workers=3, claimed=7), 0.0, False, 2),
        # Nobody else is there, or it has but one.
        (16, Crowd(workers=1, claimed=16), 0.0, False, 0),
        (1, Crowd(workers=2, claimed=1), 0.0, False, 0),
        # It keeps up, unless it has no place left.
        (16, Crowd(workers=2, claimed=16), 0.5, False, 0),
        (16, Crowd(workers=2, claimed=16), 0.5, True, 8),
    ],
)
def test_who_does_not_keep_up_gives_back_what_is_above_its_share(
    held: int, crowd: Crowd, rested: float, is_full: bool, surplus: int
) -> None:
    sharing = Sharing(lambda: crowd)
    sharing.surplus(1, rested=0.0, is_full=False, now=0.0)

    assert sharing.surplus(held, rested=rested, is_full=is_full, now=1.0) == surplus
    assert sharing.leaves_jobs(now=1.5) == (surplus > 0)
    assert not sharing.leaves_jobs(now=2.5)


def test_what_nobody_takes_is_offered_less_and_less_often() -> None:
    sharing = Sharing(lambda: Crowd(workers=2, claimed=4))
    offered = [
        tenth / 10
        for tenth in range(1200)
        if sharing.surplus(4, rested=0.0, is_full=False, now=tenth / 10)
    ]

    pauses = [round(later - earlier, 1) for earlier, later in pairwise(offered)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 30


def test_what_others_take_is_followed_by_more_as_soon_as_it_is_due() -> None:
    claimed = iter([4, 5, 6, 7])
    sharing = Sharing(lambda: Crowd(workers=2, claimed=next(claimed)))

    assert [
        sharing.surplus(4, rested=0.0, is_full=False, now=quarter / 4) for quarter in range(4)
    ] == [2, 1, 1, 0]


@pytest.mark.django_db(transaction=True)
def test_a_workflow_gives_its_place_to_another_one_that_waits(
    start: Start, deploy: Deploy, settings: Settings
) -> None:
    settings.WORKFLOWS = {"slice_seconds": 0.01}
    deploy(code(consumer()))
    for number in range(200):
        send(str(number))
    done = start(others_wait=lambda: True).take(row().pk).result(timeout=30)

    assert done.has_more
    assert row().lease.holder == ""
    assert "pending" in Event.objects.values_list("status", flat=True)


@pytest.mark.django_db(transaction=True)
def test_a_full_worker_gives_back_what_it_has_held_longest(
    start: Start, deploy: Deploy, door: Door, settings: Settings
) -> None:
    settings.WORKFLOWS = {"slice_seconds": 0.01}
    slugs = ["shop-1", "shop-2", "shop-3"]
    for slug in slugs:
        deploy(calling(mutator(door.call), slug=slug))
        publish(workflow=slug, topic=RECEIVED, message_id="1", payload="a")
    host = start(at_once=3, others_wait=lambda: len(door.entered) == 3)
    # The one that is held longest has neither the smallest number nor the largest.
    for number, slug in enumerate(["shop-2", "shop-1", "shop-3"], start=1):
        host.take(row(slug).pk)
        eventually(lambda number=number: len(door.entered), number)

    eventually(lambda: any(one.is_closing for one in host.holdings.values()), True)
    closing = [one.workflow.slug for one in host.holdings.values() if one.is_closing]
    assert closing == ["shop-2"]


@pytest.mark.django_db(transaction=True)
def test_a_full_worker_gives_those_who_have_less_their_share(
    start: Start, deploy: Deploy, door: Door
) -> None:
    slugs = [f"shop-{number}" for number in range(4)]
    for slug in slugs:
        deploy(calling(mutator(door.call), slug=slug))
        publish(workflow=slug, topic=RECEIVED, message_id="1", payload="a")
        publish(workflow=slug, topic=RECEIVED, message_id="2", payload="b")
    host = start(
        at_once=4, crowd=lambda: Crowd(workers=2 if len(door.entered) == 4 else 1, claimed=4)
    )
    given = [host.take(row(slug).pk) for slug in slugs]

    eventually(lambda: sum(one.is_closing for one in host.holdings.values()), 2)
    assert host.leaves_jobs()
    door.open()

    assert [done.result(timeout=30).has_more for done in given] == [True, True, False, False]
    assert [
        Event.objects.filter(topic__workflow__slug=slug, status="pending").count() for slug in slugs
    ] == [1, 1, 0, 0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("SELECT pg_terminate_backend(pg_backend_pid())", []),
        ("SELECT 1/0", ["host.not_shared error=division by zero"]),
    ],
    ids=["the session ends", "it is refused"],
)
def test_a_worker_that_can_t_see_the_others_keeps_what_it_has_in_hand(
    start: Start, deploy: Deploy, door: Door, caplog: pytest.LogCaptureFixture, what: str, told: Any
) -> None:
    slugs = ["shop-1", "shop-2"]
    for slug in slugs:
        deploy(calling(mutator(door.call), slug=slug))
        publish(workflow=slug, topic=RECEIVED, message_id="1", payload="a")
    asked: list[int] = []

    def crowd() -> Crowd:
        asked.append(len(door.entered))
        with connection.cursor() as cursor:
            cursor.execute(what)
        raise AssertionError("it was to fail")

    host = start(at_once=2, crowd=crowd)
    given = [host.take(row(slug).pk) for slug in slugs]
    eventually(lambda: 2 in asked, True)
    door.open()

    assert [done.result(timeout=30).has_more for done in given] == [False, False]
    assert set(Mutation.objects.values_list("status", "resolved_by")) == {("applied", "response")}
    said = [line for line in caplog.messages if line.startswith("host.")]
    assert said[:1] == told


@pytest.mark.django_db(transaction=True)
def test_a_workflow_that_comes_to_a_full_worker_is_kept_until_there_is_a_place(
    start: Start, deploy: Deploy, door: Door
) -> None:
    other = "packing"
    deploy(calling(mutator(door.call)))
    deploy(code(consumer(), slug=other))
    send()
    publish(workflow=other, topic=RECEIVED, message_id="1", payload="a")
    host = start(at_once=1)
    first = host.take(row().pk)
    eventually(lambda: len(door.entered), 1)

    second = host.take(row(other).pk)
    eventually(lambda: row(other).lease.holder != "", True)
    door.open()
    first.result(timeout=30)
    second.result(timeout=30)
    assert Event.objects.get(topic__workflow__slug=other, topic__name=RECEIVED).status == "consumed"
