"""Databases that are sound, each with the rows that a violation is planted into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from tests.doctor.planting import Rows
from tests.doctor.shop import Shop
from workflows_app.models import Breaker, Event, EventInput, LaneState, Mutation, Run
from workflows_app.operations import (
    decide_now,
    it_didnt_happen,
    it_happened,
    skip_event,
    skip_run,
    try_again,
)


@pytest.fixture
def shop(db: None) -> Iterator[Shop]:
    with ExitStack() as stack:
        shop = Shop(stack)
        shop.deploy()
        yield shop


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_superuser("olga")


def _rows(shop: Shop, *events: Event) -> Rows:
    """Return the keys of the first event as `event`, its runs as `run`, `run2` and so on."""
    workflow = shop.workflow
    rows = {
        "workflow": workflow.pk,
        "version": workflow.active_version_id,
        "topic": workflow.topics.get(name="ordered").pk,
        "handler": workflow.handlers.get(name="Pay").pk,
        "other_handler": workflow.handlers.get(name="Tell").pk,
    }
    rows |= _numbered("event", [event.pk for event in events])
    runs = Run.objects.filter(reservations__event__in=events).order_by("pk")
    rows |= _numbered("run", [run.pk for run in runs])
    rows |= _numbered("mutation", list(_keys(Mutation.objects.filter(run__in=runs))))
    rows |= _numbered("input", list(_keys(EventInput.objects.filter(event__in=events), "input")))
    lanes = LaneState.objects.filter(handler=rows["handler"])
    rows |= _numbered("lane", list(_keys(lanes)))
    rows |= _numbered("breaker", list(_keys(Breaker.objects.all())))
    return {name: key for name, key in rows.items() if key is not None}


def _keys(rows: object, field: str = "pk") -> list[int]:
    return list(rows.order_by("pk").values_list(field, flat=True))  # type: ignore[attr-defined]


def _numbered(name: str, keys: list[int]) -> Rows:
    return {f"{name}{number or ''}": key for number, key in zip((0, 2, 3, 4), keys, strict=False)}


@pytest.fixture
def pending(shop: Shop) -> Rows:
    """One order that nobody has looked at."""
    return _rows(shop, shop.order("1"))


@pytest.fixture
def changed(shop: Shop) -> Rows:
    """An order that was published again before anybody looked at it."""
    shop.order("1")
    return _rows(shop, shop.order("1", by="mail"))


@pytest.fixture
def paid(shop: Shop) -> Rows:
    """Two orders, paid one after the other."""
    shop.bank += ["applied"]
    events = [shop.order("1"), shop.order("2")]
    shop.run_host()
    return _rows(shop, *events)


@pytest.fixture
def reconciled(shop: Shop) -> Rows:
    """An order whose payment is known because the host asked."""
    shop.bank += ["lost"]
    event = shop.order("1")
    shop.run_host()
    return _rows(shop, event)


@pytest.fixture
def blocked(shop: Shop) -> Rows:
    """An order by mail, of which nobody knows whether it arrived."""
    shop.mail += ["lost", "applied"]
    event = shop.order("1", by="mail")
    shop.run_host()
    return _rows(shop, event)


@pytest.fixture
def reconciling(shop: Shop) -> Rows:
    """An order about which the bank does not answer for now."""
    shop.bank += ["lost"]
    shop.trouble["ask"] += ["logic"]
    event = shop.order("1")
    shop.run_host()
    return _rows(shop, event)


@pytest.fixture
def asked_again(shop: Shop, person: User) -> Rows:
    """An order about which the bank did not answer, until a person let the host ask again."""
    shop.bank += ["lost"]
    shop.trouble["ask"] += ["logic", "logic"]
    event = shop.order("1")
    shop.run_host()
    shop.run_host(hours=1)
    try_again(shop.last_run(event), actor=person, reason="the bank is back")
    shop.now -= timedelta(hours=1)
    return _rows(shop, event)


@pytest.fixture
def asserted(shop: Shop, person: User) -> Rows:
    """An order by mail that did not arrive, says a person; the second one did."""
    shop.mail += ["lost", "applied"]
    event = shop.order("1", by="mail")
    shop.run_host()
    it_didnt_happen(shop.last_run(event), actor=person, reason="not in the post box")
    shop.run_host()
    return _rows(shop, event)


@pytest.fixture
def asserted_happened(shop: Shop, person: User) -> Rows:
    """An order by mail that did arrive, says a person."""
    shop.mail += ["lost"]
    event = shop.order("1", by="mail")
    shop.run_host()
    it_happened(shop.last_run(event), actor=person, reason="it is in the post box")
    shop.run_host()
    return _rows(shop, event)


@pytest.fixture
def decided_now(shop: Shop, person: User) -> Rows:
    """An order about which the host asked, until a person wanted to decide."""
    shop.bank += ["lost"]
    shop.trouble["ask"] += ["logic"]
    event = shop.order("1")
    shop.run_host()
    decide_now(shop.last_run(event), actor=person, reason="I have the bank on the phone")
    return _rows(shop, event)


@pytest.fixture
def skipped(shop: Shop, person: User) -> Rows:
    """An order by mail that a person gave up."""
    shop.mail += ["lost"]
    event = shop.order("1", by="mail")
    shop.run_host()
    skip_run(shop.last_run(event), actor=person, reason="no longer wanted")
    shop.run_host()
    return _rows(shop, event)


@pytest.fixture
def skipped_event(shop: Shop, person: User) -> Rows:
    """An order that a person skipped before anybody looked at it."""
    event = shop.order("1")
    skip_event(event, actor=person, reason="a test order")
    return _rows(shop, event)


@pytest.fixture
def rejected(shop: Shop) -> Rows:
    """An order that the bank refuses for good."""
    shop.bank += ["rejected"]
    event = shop.order("1")
    shop.run_host()
    return _rows(shop, event)


@pytest.fixture
def refused(shop: Shop) -> Rows:
    """An order that the bank refused for the time being, and paid later."""
    shop.bank += ["refused", "applied"]
    event = shop.order("1")
    shop.run_host()
    shop.run_host(hours=1)
    return _rows(shop, event)


@pytest.fixture
def owing(shop: Shop) -> Rows:
    """A paid order; what follows from it failed, and waits for other code."""
    shop.bank += ["applied"]
    shop.trouble["next"] += ["logic"]
    event = shop.order("1")
    shop.run_host()
    return _rows(shop, event)


@pytest.fixture
def carried(shop: Shop) -> Rows:
    """A paid order; what follows from it came with the second attempt."""
    shop.bank += ["applied"]
    shop.trouble["next"] += ["transient"]
    event = shop.order("1")
    shop.run_host()
    shop.run_host(hours=1)
    return _rows(shop, event)


@pytest.fixture
def rows_of(request: pytest.FixtureRequest) -> Callable[[str], Rows]:
    """`rows_of(name)`: the rows of the fixture of that name."""
    return lambda name: request.getfixturevalue(name)
