"""Lists: what search and filters find, and that no address of theirs ends in an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import (
    history_of,
    list_of,
    old_versions_of,
    page_of,
    text_of,
)
from tests.admin.rows import add_alert
from tests.engine.stage import NOW, after, code, producer
from tests.owner import as_owner
from tests.plans import watched
from workflows_app.admin.finding import MOST
from workflows_app.admin.paging import COUNTED_AT_MOST
from workflows_app.models import (
    AccountChange,
    Alert,
    Event,
    Input,
    Mutation,
    OperatorAction,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
)
from workflows_app.publishing import publish_many
from workflows_app.sdk import PollContext, TransientError
from workflows_app.testing import drain, registered

pytestmark = pytest.mark.django_db


def found(client: Client, model: type[Any], **query: Any) -> list[int]:
    """Return the numbers of the rows that a list shows, in its order."""
    answer = client.get(f"{list_of(model)}?{urlencode(query)}")
    assert answer.status_code == 200, answer.headers
    return [row.pk for row in answer.context["cl"].result_list]


def numbers(rows: Any) -> list[int]:
    return [row.pk for row in rows]


def test_events_are_filtered_by_lane_and_time(
    scene: Callable[..., Any], viewer: Client, settings: Any
) -> None:
    play = scene("applied")
    old, new = play.publish("1"), play.publish("2")
    Event.objects.filter(pk=new.pk).update(lane="Müller & Söhne")
    assert found(viewer, Event, lane="Müller & Söhne") == [new.pk]
    assert found(viewer, Event, lane="main") == [old.pk]
    assert found(viewer, Event, lane="%") == []
    german = Client(headers={"accept-language": "de"})
    german.cookies = viewer.cookies
    assert found(german, Event, lane="Hauptspur") == [old.pk]
    Event.objects.filter(pk=new.pk).update(lane="main")
    assert found(viewer, Event, lane="main") == [new.pk, old.pk]
    Event.objects.filter(pk=new.pk).update(lane="Müller & Söhne")
    at = timezone.make_aware(datetime(2026, 3, 1, 23, 30))
    Event.objects.filter(pk=old.pk).update(created_at=at)
    day = {"created_at_from_0": "2026-03-01", "created_at_to_0": "2026-03-01"}
    assert found(viewer, Event, **day) == [old.pk]
    # The end is what was typed: all of the day, of the minute, of the second.
    at = at.replace(second=15, microsecond=700_000)
    Event.objects.filter(pk=old.pk).update(created_at=at)
    for typed, is_found in [
        ("23:30", True), ("23:29", False), ("23:30:15", True), ("23:30:14", False),
    ]:  # fmt: skip
        assert found(viewer, Event, **day, created_at_to_1=typed) == [old.pk] * is_found, typed
    # A day is one of the reader's, whose browser tells the time zone.
    viewer.cookies["workflows_zone"] = "Asia/Tokyo"
    assert found(viewer, Event, **day) == []
    assert found(viewer, Event, created_at_from_0="2026-03-02", created_at_from_1="08:30") == [
        new.pk,
        old.pk,
    ]
    del viewer.cookies["workflows_zone"]
    taken = play.happens("3")
    Run.objects.filter(pk=taken.pk).update(lane="Müller & Söhne")
    for model, row in ((Run, taken), (Mutation, taken.mutation)):
        assert found(viewer, model, lane="Müller & Söhne") == [row.pk]
        assert found(viewer, model, lane="Müller") == []


def test_of_polls_that_published_nothing_only_those_that_ended_well_are_left_out(
    viewer: Client,
) -> None:
    said = ["nothing", "the mailbox is locked"]

    def poll(ctx: PollContext, state: Any) -> None:
        if said.pop(0) != "nothing":
            raise TransientError("the mailbox is locked")

    with registered(code(producer(poll))):
        for at in (NOW, after(600)):
            drain(now=at)
    empty, failed = numbers(Run.objects.order_by("pk"))
    assert found(viewer, Run) == [failed]
    assert found(viewer, Run, polls="only") == [empty]
    assert found(viewer, Run, polls="all") == [failed, empty]


def test_from_years_to_months_to_days_in_the_zone_of_the_person(lived: Any, viewer: Client) -> None:
    first, second, *others = numbers(Event.objects.order_by("pk"))
    at = {first: "2024-12-31T23:30Z", second: "2026-03-01T12:00Z"}
    for pk in (first, second, *others):
        created_at = at.get(pk, "2026-03-09T12:00Z")
        Event.objects.filter(pk=pk).update(created_at=datetime.fromisoformat(created_at))
    viewer.cookies["workflows_zone"] = "Europe/Berlin"

    def dates(query: str) -> list[tuple[str, str]]:
        page = viewer.get(f"{list_of(Event)}{query}").content.decode()
        bar = page.split('class="ops-dates"')[1].split("</nav>")[0]
        return re.findall(r'<a (?:class="ops-link" )?href="([^"]+)">([^<]+)</a>', bar)

    assert dates("") == [("?on=2025", "2025"), ("?on=2026", "2026")]
    # The number of a page is of the list as it was.
    assert dates("?on=2026&status__exact=pending&p=1") == [
        ("?status__exact=pending", "All dates"),
        *(
            (f"?on=2026-{month:02}&amp;status__exact=pending", name)
            for month, name in enumerate(("January", "February", "March"), start=1)
        ),
    ]
    *back, last = dates("?on=2026-03")
    assert ([label for _, label in back[:2]], last) == (
        ["All dates", "2026"],
        ("?on=2026-03-09", "Mon 9"),
    )
    Event.objects.filter(pk=first).update(created_at=at[second])
    assert dates("?on=2026")[1:3] == [
        ("?on=2026-03-01", "Sun 1 March"),
        ("?on=2026-03-02", "Mon 2 March"),
    ]
    Event.objects.filter(pk=first).update(created_at=at[first])
    assert found(viewer, Event, on="2025") == [first]
    assert found(viewer, Event, on="2025-01-01") == [first]
    assert found(viewer, Event, on="2026-03-01") == [second]
    assert len(found(viewer, Event, on="2026-03")) == len(others) + 1
    add_alert(lived.workflow)
    # The clock of the stage goes on by itself, into the next month maybe.
    Run.objects.update(started_at=Run.objects.earliest("started_at").started_at)
    for model in (AccountChange, Alert, Input, Mutation, OperatorAction, Run, WorkflowVersion):
        today = f"{timezone.localdate(timezone=ZoneInfo('Europe/Berlin')):%Y-%m-%d}"
        assert f'href="?on={today}"' in viewer.get(list_of(model)).content.decode(), model
        assert found(viewer, model, on="2024") == []
    for rubbish in ("2026-13", "x", "9999", "0000", "2026-02-30", "2026-00", "2026-01-00"):
        answer = viewer.get(list_of(Event), {"on": rubbish})
        assert (answer.status_code, answer["Location"]) == (302, list_of(Event))


def test_no_page_obeys_a_character_that_turns_or_hides_text(scene: Any, viewer: Client) -> None:
    play = scene("applied")
    play.mutator.target = lambda self, params: "42\u202efdp"
    run = play.happens("42\u202efdp")
    for row in (run.reservations.get().event, run, run.mutation, Input.objects.get()):
        has_history = not isinstance(row, Input)
        of_row = [history_of(row), old_versions_of(row)[-1]] if has_history else []
        for address in (list_of(type(row)), page_of(row), *of_row):
            page = viewer.get(address).content.decode()
            # What is copied is as it came.
            page = re.sub('data-ops-copy="[^"]*"', "", page)
            assert "42⟦U+202E⟧fdp" in page, address
            assert "\u202e" not in page, address


def test_the_hour_that_the_clocks_repeat_is_in_a_range_twice(lived: Any, viewer: Client) -> None:
    viewer.cookies["workflows_zone"] = "Europe/Berlin"
    first, second, *_ = numbers(Event.objects.order_by("pk"))
    for pk, hour in ((first, 0), (second, 1)):
        at = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
        Event.objects.filter(pk=pk).update(created_at=at)
    asked = {
        "created_at_from_0": "2026-10-25", "created_at_from_1": "02:00",
        "created_at_to_0": "2026-10-25", "created_at_to_1": "02:30",
    }  # fmt: skip
    assert found(viewer, Event, **asked) == [second, first]


def test_a_search_says_that_it_shows_the_newest_alone(scene: Any, viewer: Client) -> None:
    events = ((f"n-{number}", {"number": number}) for number in range(MOST + 20))
    publish_many(workflow=scene("applied").slug, topic="invoice.received", events=events)
    answer = viewer.get(f"{list_of(Event)}?q=n")
    assert [str(message) for message in answer.context["messages"]] == [
        "The newest 500 are shown. Add a word, or a filter."
    ]
    assert answer.context["cl"].result_list[0].message_id == f"n-{MOST + 19}"
    assert answer.context["cl"].result_count == MOST


def test_a_masked_value_finds_nothing_in_a_list(
    lived: Any, viewer: Client, operator: Client
) -> None:
    Workflow.objects.update(secret_names=["amount"])
    assert found(viewer, Event, q="12.50") == []
    assert len(found(operator, Event, q="12.50")) == 5
    assert len(found(viewer, Event, q="blue")) == 3
    Event.objects.update(lane="12.50")
    Run.objects.filter(mutation__isnull=False).update(lane="12.50")
    for model, number in ((Event, 7), (Run, 3), (Mutation, 3)):
        assert found(viewer, model, lane="12.50") == []
        assert len(found(operator, model, lane="12.50")) == number


def test_pages_follow_each_other(lived: Any, viewer: Client) -> None:
    topic = Topic.objects.get(name="invoice.received")
    Event.objects.bulk_create(
        Event(topic=topic, message_id=f"more-{n}", payload={}) for n in range(101)
    )
    everything = numbers(Event.objects.all())
    pages = [found(viewer, Event, p=page) for page in (1, 2, 3)]
    assert pages == [everything[:50], everything[50:100], everything[100:]]
    for page in (1, 2, 3):
        assert "108 events" in text_of(viewer, f"{list_of(Event)}?p={page}")
    for page in ("0", "-1", "4", "101", "rubbish", "9" * 40):
        answer = viewer.get(f"{list_of(Event)}?p={page}", follow=True)
        assert numbers(answer.context["cl"].result_list) == everything[:50]


def test_a_long_list_is_not_counted_to_the_end_and_no_common_word_looked_for_in_all_of_it(
    lived: Any, viewer: Client, superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = Topic.objects.get(name="invoice.received")
    Event.objects.bulk_create(
        Event(topic=topic, message_id=f"more-{n}", payload={"town": "Ulm"})
        for n in range(COUNTED_AT_MOST + 1)
    )
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE workflows_app_event, workflows_app_eventwords")
    text = text_of(viewer, list_of(Event))
    assert "5000 or more events Filter or search to reach older ones." in text
    last = COUNTED_AT_MOST // 50
    assert len(found(viewer, Event, p=last)) == 50
    assert viewer.get(f"{list_of(Event)}?p={last + 1}").status_code == 302

    newest = numbers(Event.objects.all()[:50])
    with watched(monkeypatch) as cost:
        assert found(viewer, Event, q="ulm") == newest
    assert cost.rows_read["workflows_app_eventwords"] < 6_000
    old = numbers(Event.objects.filter(message_id__in=["more-3", "more-7"]))
    Event.objects.filter(pk__in=[*old, newest[1]]).update(status="skipped")
    with watched(monkeypatch) as cost:
        assert found(viewer, Event, q="ulm", status__exact="skipped") == [newest[1], *old]
    # Nearly all have the word; three are left by the filter.
    assert cost.rows_read["workflows_app_eventwords"] < 6_000
    assert found(viewer, Event, q="more-4", status__exact="skipped") == []
    with watched(monkeypatch) as cost:
        export = superuser.get(f"{list_of(Event)}export/?q=ulm").getvalue().decode()
    assert len(export.splitlines()) == 1 + COUNTED_AT_MOST + 1
    # Not all that have the word, for each thousand rows.
    assert cost.rows_read["workflows_app_eventwords"] < 20_000
