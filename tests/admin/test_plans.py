"""What staff look at first costs the same however much was done before: no table is read to its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import HOME, SHOWN, WITH_HISTORY, history_of, list_of, page_of
from tests.owner import as_owner
from tests.plans import MANY, fill, make_tables_anew, watched
from tests.scenes import Scene
from workflows_app.models import Event, Input, Mutation, Run
from workflows_app.queries.same_result import run_with_same_result

pytestmark = pytest.mark.django_db

#: Lists count their rows up to 5,000, and dates are found by blocks of some thousand rows.
SOME = MANY // 2


@pytest.fixture(autouse=True)
def nothing_before(db: None) -> None:
    make_tables_anew()


def test_no_page_reads_what_was_done_before(
    scene: Callable[..., Scene], superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = scene("applied", "applied", "lost")
    fill(list(Event.objects.filter(reservations__run=stage.happens("1"))))
    done = stage.happens("2")
    blocked = stage.happens("3")
    stage.publish("4")
    assert (done.status, blocked.status) == ("committed", "blocked")
    rows = [
        stage.workflow,
        done,
        blocked,
        done.mutation,
        *Event.objects.order_by("-pk")[:2],
        Input.objects.latest("pk"),
    ]
    oldest = timezone.localdate(Run.objects.earliest("started_at").started_at)
    long_ago = f"{list_of(Run)}?on={oldest + timedelta(days=40):%Y-%m}"
    addresses = [
        HOME,
        *map(list_of, SHOWN),
        f"{list_of(Run)}?waits=person",
        f"{list_of(Run)}?p=2",
        f"{list_of(Event)}?status__exact=pending",
        f"{list_of(Event)}?status__exact=skipped",
        f"{list_of(Mutation)}?resolved_by__exact=operator",
        long_ago,
        f"{long_ago}&o=8",
        *map(page_of, rows),
        *(history_of(row) for row in rows if type(row) in WITH_HISTORY),
    ]
    too_much = {}
    for address in addresses:
        with watched(monkeypatch) as cost:
            answer = superuser.get(address)
        assert answer.status_code == 200, address
        # A month is read in three slices, each of which is some blocks.
        if found := cost.too_much(few=MANY if "on=" in address else SOME):
            too_much[address] = found

    assert too_much == {}
    with watched(monkeypatch) as cost:
        told = {"number": "1", "reference": "1"}
        assert run_with_same_result(blocked.mutation, told) is None
    assert Mutation.objects.filter(result__number=1).count() > MANY
    assert cost.rows_read["workflows_app_mutation"] < SOME


def test_without_the_index_on_their_ends_home_would_read_all_runs(
    scene: Callable[..., Scene], superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(list(Event.objects.filter(reservations__run=scene("applied").happens("1"))), 2_000)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("DROP INDEX run_by_end")
    with watched(monkeypatch) as cost:
        superuser.get(HOME)

    assert cost.rows_read["workflows_app_run"] >= 2_000
    assert cost.too_much() != []
