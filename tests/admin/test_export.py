"""A list as CSV: all of what its filters leave, masked like the pages, harmless in a spreadsheet, and logged."""

from __future__ import annotations

import csv
import io
import logging
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from tests.admin.addresses import list_of, told
from tests.conftest import logged_in
from workflows_app.groups import SUPERVISORS
from workflows_app.masking import MASK
from workflows_app.models import (
    Event,
    Handler,
    Mutation,
    OperatorAction,
    Run,
    Workflow,
)
from workflows_app.publishing import publish_many

pytestmark = pytest.mark.django_db


@pytest.fixture
def supervisor(db: None) -> Client:
    person = User.objects.create_user("sofia", is_staff=True)
    person.groups.add(Group.objects.get(name=SUPERVISORS))
    return logged_in(person)


def address_of(model: Any, **query: Any) -> str:
    return f"{list_of(model)}export/?{urlencode(query)}"


def exported(client: Client, model: Any, **query: Any) -> list[dict[str, str]]:
    answer: Any = client.get(address_of(model, **query))
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_more_than_a_page_comes_without_reading_all_at_once(
    scene: Any, supervisor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = scene("applied")
    events = ((f"n-{number}", {"number": number}) for number in range(2_100))
    publish_many(workflow=play.slug, topic="invoice.received", events=events)
    with CaptureQueriesContext(connection) as queries:
        rows = exported(supervisor, Event, p=3)
    assert [row["message_id"] for row in rows] == [f"n-{number}" for number in range(2_099, -1, -1)]
    pages = [query for query in queries if "LIMIT 1000" in query["sql"]]
    assert len(pages) == 3
    assert len(exported(supervisor, Event, q="n")) == 2_100


def test_an_export_keeps_its_place_until_it_is_read(
    lived: Any, supervisor: Client, settings: Settings
) -> None:
    settings.WORKFLOWS = {"pages_at_once": 1}
    reading: Any = supervisor.get(address_of(Event))

    assert supervisor.get(list_of(Run)).status_code == 503
    assert supervisor.get("/healthz").content == b"ok\n"
    list(reading.streaming_content)
    assert supervisor.get(list_of(Run)).status_code == 200
    left: Any = supervisor.get(address_of(Event))
    next(left.streaming_content)
    left._iterator.close()
    assert supervisor.get(list_of(Run)).status_code == 200, "who goes away gives the place back"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *((text, f"'{text}") for text in ("=1+1", "+49", "-2", "@x", "\tx", "＝1")),
        ("\rx\u202efdp", "⟦U+000D⟧x⟦U+202E⟧fdp"),
        ("\x1b[2J", "⟦U+001B⟧[2J"),
    ],
)
def test_what_a_spreadsheet_would_compute_or_a_reader_not_see_is_made_text(
    scene: Any, supervisor: Client, operator_user: User, text: str, cell: str
) -> None:
    event = scene("applied").publish("1")
    Event.objects.filter(pk=event.pk).update(lane=text, message_id=text)
    (row,) = exported(supervisor, Event)
    assert (row["lane"], row["message_id"]) == (cell, cell)


def test_secrets_are_masked_for_who_may_export_and_not_see_them(lived: Any) -> None:
    Workflow.objects.update(secret_names=["amount"])
    person = User.objects.create_user("erik", is_staff=True)
    codenames = ["export", "view_event", "view_mutation", "view_handler"]
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = logged_in(person)
    assert exported(client, Event)[0]["payload"] == f'{{"amount": "{MASK}"}}'
    assert exported(client, Event, q="12.50") == []
    assert [row["message_id"] for row in exported(client, Event, q="blue-5")] == ["blue-5"]
    # Of a list without an index of words nothing is masked.
    assert [row["handler"] for row in exported(client, Handler, q="pa")] == ["Pay"]
    assert {row["params"] for row in exported(client, Mutation)} == {f'{{"amount": "{MASK}"}}'}


def test_a_decision_has_the_name_that_its_person_had_then(lived: Any, supervisor: Client) -> None:
    User.objects.filter(username="olga").update(username="petra")
    assert {row["person"] for row in exported(supervisor, OperatorAction)} == {"olga"}


def test_who_may_not_export_or_not_see_the_list_is_refused(
    lived: Any, operator: Client, viewer: Client, supervisor: Client
) -> None:
    person = User.objects.create_user("erik", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=["export", "view_run"]))
    for client in (operator, viewer, logged_in(person)):
        assert client.get(address_of(Event)).status_code == 403
    for client, is_offered in ((operator, False), (supervisor, True)):
        page = client.get(f"{list_of(Event)}?status__exact=pending").content.decode()
        assert (
            'href="/admin/workflows_app/event/export/?status__exact=pending"' in page
        ) == is_offered


def test_an_export_is_in_the_log_with_its_person_and_size(
    lived: Any, supervisor: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "workflows_app"):
        exported(supervisor, Event, status__exact="skipped")
    assert [line for line in caplog.messages if line.startswith("export.")] == [
        "export.began user=sofia list=event query=status__exact=skipped masked=False",
        "export.ended user=sofia list=event query=status__exact=skipped rows=1 done",
    ]


def test_what_is_found_by_its_number_or_key_is_exported(scene: Any, supervisor: Client) -> None:
    run = scene("applied").happens("1")
    effect = run.mutation
    for model, term in ((Run, str(run.pk)), (Mutation, effect.idempotency_key)):
        assert len(exported(supervisor, model, q=term)) == 1, model


def test_a_wrong_address_leads_back_and_exports_nothing(lived: Any, supervisor: Client) -> None:
    for query, problem in (
        ({"payload__regex": "x"}, "This list has no filter “payload__regex”."),
        ({"status__exact": "x", "q": "a" * 201}, "Search for 200 characters at most."),
        (
            {"created_at_from_0": "yesterday"},
            "A filter, or the page, has a value that this list does not know.",
        ),
    ):
        answer = supervisor.get(address_of(Event, **query))
        assert (answer.status_code, answer["Location"]) == (302, list_of(Event))
        assert told(answer)[-1:] == [f"{problem} Nothing was exported."]
