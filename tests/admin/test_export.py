"""A list as CSV: all of what its filters leave, masked like the pages, harmless in a spreadsheet, and logged."""

from __future__ import annotations

import csv
import io
import json
import logging
from datetime import datetime, timedelta
from functools import reduce
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from tests.admin.addresses import SHOWN, SHOWN_TO_SUPERUSERS, list_of, told
from tests.admin.rows import add_alert
from tests.conftest import logged_in
from workflows_app.groups import SUPERVISORS
from workflows_app.masking import MASK
from workflows_app.models import (
    AccountChange,
    Alert,
    Breaker,
    Event,
    Handler,
    Input,
    Mutation,
    OperatorAction,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
)
from workflows_app.operations import it_happened, pause_workflow, retry_failed_run
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


#: The columns of each list, each with what it tells of a row if that is called otherwise.
COLUMNS: dict[type[Any], str] = {
    AccountChange: "change=pk kind about what person=actor_name created_at address session",
    Alert: "alert=pk workflow=workflow.slug channel person status subject attempts problem created_at ended_at",
    Breaker: "workflow=handler.workflow.slug consumer=handler.name status unknowns openings opened_at trial_at",
    Event: "event=pk workflow=topic.workflow.slug topic=topic.name message_id lane status revision"
    " reserved_by=reserved_by_id created_by=created_by_id created_at payload",
    Handler: "workflow=workflow.slug handler=name kind is_current",
    Input: "input=pk workflow=workflow.slug source type external_id title created_at",
    Mutation: "mutation=pk workflow=run.workflow.slug run=run_id mutator target status resolved_by sent_at"
    " resolved_at idempotency_key params result",
    OperatorAction: "decision=pk operation person=actor_name workflow=workflow.slug run=run_id event=event_id"
    " reason created_at",
    ProcrastinateJob: "job=id task=task_name args status queue=queue_name lock attempts scheduled_at",
    Run: "run=pk workflow=workflow.slug handler=handler.name version lane title status phase"
    " failure=failure_kind message=failure_message retry_of=retry_of_id started_at ended_at",
    Topic: "workflow=workflow.slug topic=name consumer=consumer.name",
    Workflow: "workflow=slug title status blocked=is_blocked version=active_version created_at",
    WorkflowVersion: "workflow=workflow.slug major minor kind note person=actor source_digest created_at",
}


def cells_of(row: Any) -> dict[str, str]:
    """Return what a list tells of a row, by the headings of its columns."""
    told = {}
    for column in COLUMNS[type(row)].split():
        heading, _, path = column.partition("=")
        value = reduce(lambda at, name: at and getattr(at, name), (path or heading).split("."), row)
        if isinstance(value, dict | list):
            told[heading] = json.dumps(value)
        elif isinstance(value, datetime):
            told[heading] = in_seconds(value)
        else:
            told[heading] = "" if value is None else str(value)
    return told


def test_each_list_is_exported_as_its_filters_leave_it(
    lived: Any, scene: Any, supervisor: Client, operator_user: User
) -> None:
    superuser = logged_in(User.objects.create_superuser("root"))
    add_alert(lived.workflow)
    add_alert(lived.workflow, person=operator_user, status="sent", ended_at=timezone.now())
    defer_advance(lived.workflow.pk)
    run = Run.objects.get(status="blocked")
    it_happened(run, actor=operator_user, reason="I saw it", result={"payment": "77"})
    WorkflowVersion.objects.update(actor=operator_user, note="the first")
    failed = scene("rejected", slug="refund").happens("7")
    retry_failed_run(failed, actor=operator_user, reason="It may work by now")
    pause_workflow(failed.workflow, actor=operator_user, reason="They are closed")
    opened = {"status": "open", "unknowns": 5, "openings": 2}
    at = timezone.now()
    Breaker.objects.filter(handler=failed.handler).update(
        **opened, opened_at=at - timedelta(hours=2), trial_at=at
    )
    Run.objects.filter(pk=failed.pk).update(started_at=failed.started_at - timedelta(hours=1))
    for model in SHOWN_TO_SUPERUSERS:
        rows = model._default_manager.order_by("-pk")
        rows = rows.exclude(handler__kind="producer") if model is Run else rows
        told = exported(supervisor if model in SHOWN else superuser, model)
        assert told == [cells_of(row) for row in rows] != [], model
    for model, query, wanted in [
        (Run, {"status__exact": "failed"}, [failed]),
        (Handler, {"q": "pa"}, Handler.objects.filter(name="Pay").order_by("-pk")),
        (Event, {"status__exact": "skipped"}, Event.objects.filter(message_id="blue-4")),
        (Event, {"q": "red-1 12.5"}, Event.objects.filter(message_id="red-1", payload={"amount": "12.50"})),
        (Input, {"q": "red-1"}, Input.objects.filter(external_id="red-1")),
    ]:  # fmt: skip
        keys = [cells_of(model.objects.get(pk=row.pk)) for row in wanted]
        assert exported(supervisor, model, **query) == keys != [], query
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
