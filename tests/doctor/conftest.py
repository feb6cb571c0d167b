"""Databases that are sound, each with the rows that a violation is planted into."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.doctor.planting import Rows
from tests.doctor.shop import REASON, Shop
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
        "producer": workflow.handlers.get(kind="producer").pk,
    }
    rows |= _numbered("event", [event.pk for event in events])
    runs = Run.objects.filter(reservations__event__in=events).order_by("pk")
    rows |= _numbered("run", [run.pk for run in runs])
    rows |= _numbered("mutation", list(_keys(Mutation.objects.filter(run__in=runs))))
    rows |= _numbered("input", list(_keys(EventInput.objects.filter(event__in=events), "input")))
    lanes = LaneState.objects.filter(handler=rows["handler"])
    rows |= _numbered("lane", list(_keys(lanes)))
    rows |= _numbered("breaker", list(_keys(Breaker.objects.filter(handler=rows["handler"]))))
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


def _one_order(
    *outcomes: str,
    by: str = "bank",
    decide: Callable[..., object] | None = None,
    hours: float = 0,
    **trouble: str,
) -> Any:
    """Return a fixture: an order that meets `outcomes` and `trouble`, and a decision on its run."""

    def rows(shop: Shop, person: User) -> Rows:
        (shop.bank if by == "bank" else shop.mail).extend(outcomes)
        for phase, kind in trouble.items():
            shop.trouble[phase].append(kind)
        event = shop.order("1", by=by)
        shop.run_host()
        if decide:
            decide(shop.last_run(event), actor=person, reason=REASON)
        shop.run_host(hours=hours)
        return _rows(shop, event)

    return pytest.fixture(rows)


#: Its payment is known because the host asked.
reconciled = _one_order("lost")
#: By mail, and nobody knows whether it arrived.
blocked = _one_order("lost", "applied", by="mail")
#: The bank does not answer for now.
reconciling = _one_order("lost", ask="logic")
#: By mail; it did not arrive, says a person. The second one did.
asserted = _one_order("lost", "applied", by="mail", decide=it_didnt_happen)
#: By mail; it did arrive, says a person.
asserted_happened = _one_order("lost", by="mail", decide=it_happened)
#: The host asked about it, until a person wanted to decide.
decided_now = _one_order("lost", ask="logic", decide=decide_now)
#: By mail; a person gave it up.
skipped = _one_order("lost", by="mail", decide=skip_run)
#: The bank refuses it for good.
rejected = _one_order("rejected")
#: The bank refused it for the time being, and paid later.
refused = _one_order("refused", "applied", hours=1)
#: Paid; what follows from it failed, and waits for other code.
owing = _one_order("applied", next="logic")
#: Paid; what follows from it came with the second attempt.
carried = _one_order("applied", next="transient", hours=1)


@pytest.fixture
def asked_again(shop: Shop, person: User) -> Rows:
    """An order about which the bank did not answer, until a person let the host ask again."""
    shop.bank += ["lost"]
    shop.trouble["ask"] += ["logic", "logic"]
    event = shop.order("1")
    shop.run_host()
    shop.run_host(hours=1)
    try_again(shop.last_run(event), actor=person, reason=REASON)
    shop.now -= timedelta(hours=1)
    return _rows(shop, event)


@pytest.fixture
def skipped_event(shop: Shop, person: User) -> Rows:
    """An order that a person skipped before anybody looked at it."""
    event = shop.order("1")
    skip_event(event, actor=person, reason=REASON)
    return _rows(shop, event)


@pytest.fixture
def neighbour(person: User) -> Iterator[None]:
    """Another shop, in which all sorts of things have happened: a check must not take its rows for those of others."""
    with ExitStack() as stack:
        shop = Shop(stack, "neighbour")
        shop.deploy()
        shop.trouble["poll"] += ["transient"]
        shop.bank += ["applied", "lost", "refused", "applied", "applied"]
        for number in ("paid", "reconciled", "refused", "carried"):
            shop.trouble["next"] += ["transient"] if number == "carried" else []
            shop.order(number)
            shop.run_host()
            shop.run_host(hours=1)
        skip_event(shop.order("skipped"), actor=person, reason=REASON)
        shop.bank += ["lost"]
        shop.trouble["ask"] += ["logic"]
        asked = shop.order("asked")
        shop.run_host()
        decide_now(shop.last_run(asked), actor=person, reason=REASON)
        try_again(shop.last_run(asked), actor=person, reason=REASON)
        shop.run_host()
        shop.mail += ["lost", "applied", "lost", "lost", "lost"]
        for decide in (it_didnt_happen, it_happened, skip_run, None):
            event = shop.order(f"mail {decide and decide.__name__}", by="mail")
            shop.run_host()
            if decide is not None:
                decide(shop.last_run(event), actor=person, reason=REASON)
                shop.run_host()
        yield


@pytest.fixture
def rows_of(request: pytest.FixtureRequest) -> Callable[[str], Rows]:
    """`rows_of(name)`: the rows of the fixture of that name."""
    return lambda name: request.getfixturevalue(name)
