"""The page of a blocked run has the outside system asked: by few at once, and about a run by one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import Client

from tests.admin.addresses import page_of
from tests.operations.readiness import mute
from workflows_app.admin.looking import AT_ONCE, under_way
from workflows_app.models import Evidence

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("asked_about", ["it", "others"])
def test_who_opens_it_meanwhile_asks_nothing_and_holds_no_thread(
    scene: Callable[..., Any], operator: Client, asked_about: str
) -> None:
    run = scene(mutator=mute("timeout")).happens(days=0)
    address = page_of(run).replace("/change/", "/look/")
    others = [run.pk] if asked_about == "it" else range(run.pk + 1, run.pk + 1 + AT_ONCE)
    with ExitStack() as meanwhile:
        assert all(meanwhile.enter_context(under_way.one(each)) for each in others)
        # Nor does who is sent away make room for the next one.
        answers = [operator.post(address) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [204, 204]
    assert not Evidence.objects.filter(kind="probe").exists()

    assert operator.post(address).headers["Location"] == page_of(run)
    assert operator.post(address).status_code == 204, "it was asked just now"
    assert Evidence.objects.filter(kind="probe").count() == 1
