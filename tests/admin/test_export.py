"""A list as CSV: all of what its filters leave, masked like the pages, harmless in a spreadsheet, and logged."""

from __future__ import annotations

import csv
import io
import logging
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from tests.admin.addresses import SHOWN, SHOWN_TO_SUPERUSERS, list_of, told
from tests.admin.rows import add_alert
from tests.conftest import logged_in
from workflows_app.groups import SUPERVISORS
from workflows_app.masking import MASK
from workflows_app.models import (
    Alert,
    Event,
    Handler,
    Input,
    Mutation,
    OperatorAction,
    Run,
    Topic,
    Workflow,
)
from workflows_app.operations import it_happened
from workflows_app.publishing import publish_many
from workflows_app.waking import defer_advance

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


def in_seconds(at: datetime | None) -> str:
    assert at is not None
    return timezone.localtime(at).isoformat(timespec="seconds")


def test_each_list_is_exported_as_its_filters_leave_it(
    lived: Any, scene: Any, supervisor: Client
) -> None:
    add_alert(lived.workflow)
    defer_advance(lived.workflow.pk)
    superuser = logged_in(User.objects.create_superuser("root"))
    for model in SHOWN_TO_SUPERUSERS:
        listed = supervisor if model in SHOWN else superuser
        rows = model._default_manager.order_by("-pk")
        rows = rows.exclude(handler__kind="producer") if model is Run else rows
        page = site.get_model_admin(model)
        heading, path = next(iter(page.exported.items()))
        told = [row[heading] for row in exported(listed, model)]
        assert told == [str(attrgetter(path)(row)) for row in rows] != [], model
    assert [(row["person"], row["channel"]) for row in exported(supervisor, Alert)] == [
        ("", "team")
    ]
    assert {row["consumer"] for row in exported(supervisor, Topic)} == {"Pay", ""}
    assert [row["blocked"] for row in exported(supervisor, Workflow)] == ["True"]
    assert [row["handler"] for row in exported(supervisor, Handler, q="pa")] == ["Pay"]
    run = Run.objects.get(status="blocked")
    failed = scene("rejected", slug="refund").happens("7")
    failed.started_at -= timedelta(hours=1)
    Run.objects.filter(pk=failed.pk).update(started_at=failed.started_at)
    assert exported(supervisor, Run, status__exact="failed") == [
        {
            "run": f"{failed.pk}",
            "workflow": "refund",
            "handler": "Pay",
            "version": "1.0",
            "lane": "",
            "title": "Pay invoice 7",
            "status": "failed",
            "phase": "mutating",
            "failure": "rejected",
            "message": failed.failure_message,
            "retry_of": "",
            "started_at": in_seconds(failed.started_at),
            "ended_at": in_seconds(failed.ended_at),
        }
    ]
    found = {"payment": "77"}
    it_happened(run, actor=User.objects.get(username="olga"), reason="I saw it", result=found)
    effect = Mutation.objects.get(run=run)
    assert [row for row in exported(supervisor, Mutation) if row["run"] == str(run.pk)] == [
        {
            "mutation": f"{effect.pk}",
            "workflow": "pay",
            "run": f"{run.pk}",
            "mutator": "scripted",
            "target": "the script",
            "status": "applied",
            "resolved_by": "operator",
            "sent_at": in_seconds(effect.sent_at),
            "resolved_at": in_seconds(effect.resolved_at),
            "idempotency_key": effect.idempotency_key,
            "params": '{"amount": "12.50"}',
            "result": '{"payment": "77"}',
        }
    ]
    (skipped,) = exported(supervisor, Event, status__exact="skipped")
    event = Event.objects.get(message_id="blue-4")
    assert skipped == {
        "event": f"{event.pk}",
        "workflow": "pay",
        "topic": "invoice.received",
        "message_id": "blue-4",
        "lane": "",
        "status": "skipped",
        "revision": "1",
        "reserved_by": "",
        "created_by": "",
        "created_at": in_seconds(event.created_at),
        "payload": '{"amount": "12.50"}',
    }
    first = Input.objects.get(pk=exported(supervisor, Input, q="red-1")[0]["input"])
    assert exported(supervisor, Input, q="red-1") == [
        {
            "input": f"{first.pk}",
            "workflow": "pay",
            "source": first.source,
            "type": first.type,
            "external_id": "red-1",
            "title": first.title,
            "created_at": in_seconds(first.created_at),
        }
    ]
    (reserved,) = exported(supervisor, Event, status__exact="reserved")
    assert (reserved["reserved_by"], reserved["created_by"]) == (f"{run.pk}", "")
    paid = exported(supervisor, Event, q="red-1")[0]
    assert (paid["topic"], paid["reserved_by"]) == ("invoice.paid", "")
    assert paid["created_by"] == f"{Run.objects.get(title='Pay invoice red-1').pk}"
    for decision in exported(supervisor, OperatorAction):
        action = OperatorAction.objects.get(pk=decision["decision"])
        assert decision == {
            "decision": f"{action.pk}",
            "operation": action.operation,
            "person": "olga",
            "workflow": "pay",
            "run": f"{action.run_id or ''}",
            "event": f"{action.event_id or ''}",
            "reason": action.reason,
            "created_at": in_seconds(action.created_at),
        }
    assert [row["message_id"] for row in exported(supervisor, Event, q="red-1 12.5")] == ["red-1"]
    # The link above a list leads there with all that the list was asked for.
    asked = {"q": "red", "status__exact": "consumed", "age": "1h"}
    page = supervisor.get(list_of(Event), {**asked, "p": "1"})
    assert page.context["export_address"] == address_of(Event, **asked)


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
