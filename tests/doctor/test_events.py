"""Events and reservations that contradict each other are found (P2)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.doctor.planting import found_by
from tests.doctor.shop import Shop
from workflows_app.operations import it_didnt_happen
from workflows_app.testing import SimulatedCrash

pytestmark = pytest.mark.django_db


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
