"""Events and reservations that contradict each other are found (P2)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.doctor.planting import Planted, found_by
from tests.doctor.shop import Shop
from workflows_app.operations import it_didnt_happen
from workflows_app.testing import SimulatedCrash

pytestmark = pytest.mark.django_db

CASES = [
    Planted(
        "D201",
        rows="paid",
        sql=(
            "UPDATE workflows_app_event SET status = 'reserved', reserved_by_id = %(run)s"
            " WHERE id = %(event)s"
        ),
        finds=[
            "shop: event {event} is reserved by run {run}, which is committed in phase committed"
        ],
    ),
    Planted(
        "D201",
        rows="owing",
        sql="UPDATE workflows_app_run SET owes_retry = false WHERE id = %(run)s",
        finds=["shop: event {event} is reserved by run {run}, which is failed in phase emitting"],
    ),
    Planted(
        "D201",
        rows="blocked",
        sql="UPDATE workflows_app_run SET phase = 'preparing' WHERE id = %(run)s",
        finds=["shop: event {event} is reserved by run {run}, which is blocked in phase preparing"],
    ),
    Planted(
        "D201",
        rows="rejected",
        sql=(
            "DELETE FROM workflows_app_evidence; DELETE FROM workflows_app_mutation;"
            "UPDATE workflows_app_event SET status = 'reserved', reserved_by_id = %(run)s"
            " WHERE id = %(event)s"
        ),
        finds=["shop: event {event} is reserved by run {run}, which is failed in phase mutating"],
    ),
    Planted(
        "D202",
        rows="blocked",
        sql="DELETE FROM workflows_app_reservation WHERE run_id = %(run)s",
        finds=["shop: event {event} is reserved by run {run} without a reservation"],
    ),
    Planted(
        "D203",
        rows="blocked",
        sql=(
            "UPDATE workflows_app_event SET status = 'pending', reserved_by_id = NULL"
            " WHERE id = %(event)s"
        ),
        finds=["shop: run {run} reserved event {event}, which is pending"],
    ),
    Planted(
        "D203",
        rows="owing",
        sql=(
            "UPDATE workflows_app_event SET status = 'skipped', reserved_by_id = NULL"
            " WHERE id = %(event)s"
        ),
        finds=["shop: run {run} reserved event {event}, which is skipped"],
    ),
    Planted(
        "D204",
        rows="pending",
        sql="UPDATE workflows_app_event SET status = 'consumed' WHERE id = %(event)s",
        finds=["shop: event {event} is consumed, but no run that reserved it committed"],
    ),
    Planted(
        "D205",
        rows="paid",
        sql=(
            "INSERT INTO workflows_app_reservation (run_id, event_id, created_at)"
            " VALUES (%(run2)s, %(event)s, now())"
        ),
        finds=["shop: event {event} was finished by runs {run}, {run2}"],
    ),
    Planted(
        "D206",
        rows="paid",
        sql="UPDATE workflows_app_event SET status = 'skipped' WHERE id = %(event)s",
        finds=["shop: event {event} is skipped, though run {run} committed with outcome applied"],
    ),
    Planted(
        "D206",
        rows="skipped",
        sql="UPDATE workflows_app_event SET status = 'consumed' WHERE id = %(event)s",
        finds=["shop: event {event} is consumed, though run {run} committed with outcome skipped"],
    ),
    Planted(
        "D207",
        rows="pending",
        sql="UPDATE workflows_app_event SET status = 'skipped' WHERE id = %(event)s",
        finds=[
            "shop: event {event} is skipped, but neither it nor a run that held it was skipped by"
            " a person"
        ],
    ),
    Planted(
        "D208",
        rows="paid",
        sql=(
            "DELETE FROM workflows_app_historicalevent"
            " WHERE id = %(event)s AND status = 'reserved';"
            "UPDATE workflows_app_reservation SET id = 777777777 WHERE event_id = %(event)s"
        ),
        finds=[
            "shop: reservation 777777777 of event {event} by run {run}: the event was never reserved by"
            " that run"
        ],
    ),
    Planted(
        "D209",
        rows="paid",
        sql="DELETE FROM workflows_app_reservation WHERE event_id = %(event)s",
        finds=["shop: event {event} was reserved by run {run}, which has no reservation of it"],
    ),
]


def test_an_event_is_in_good_hands_whose_run_died_before_it_did_again_what_did_not_happen(
    shop: Shop, person: User
) -> None:
    shop.mail += ["lost", "applied"]
    event = shop.order("1", by="mail")
    shop.run_host()
    it_didnt_happen(shop.last_run(event), actor=person, reason="not in the post box")
    shop.trouble["mutate"] += ["crash"]
    with pytest.raises(SimulatedCrash):
        shop.run_host()
    shop.run_host()

    event.refresh_from_db()
    assert (event.status, shop.last_run(event).status) == ("reserved", "crashed")
    assert found_by("D201") == found_by("D203") == []
