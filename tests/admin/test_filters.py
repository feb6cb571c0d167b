"""What the lists tell of each row, and the filters beside them: each choice shows the rows that it names alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import reduce
from itertools import cycle
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django.utils.text import Truncator

from tests.admin.addresses import SHOWN, list_of, text_of_html
from tests.admin.rows import add_alert
from tests.operations.readiness import mute
from workflows_app.admin.date_filters import TimeFilter
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
from workflows_app.operations import add_note, pause_workflow, resume_workflow, skip_run, take
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: Just within each limit of the ages, and just beyond it.
AGES = [limit * part for limit in (HOUR, DAY, 7 * DAY, 30 * DAY) for part in (0.95, 1.05)]


@pytest.fixture
def several(lived: Any, scene: Callable[..., Any], operator_user: User) -> None:
    """Of everything more than one: workflows, versions, states, ages, people, outside systems."""
    scene("rejected", "applied", slug="rejected").happens("1")
    scene("refused", slug="refused").happens("1", days=0)
    scene(mutator=mute(asked=2), slug="asked").happens("1", days=0)
    scene(mutator=scripted("applied", "lost", name="mail.send"), slug="mails").happens("1")
    scene("lost", slug="lost").happens("1")
    paused = scene("applied", slug="paused").workflow
    pause_workflow(paused, actor=operator_user, reason="holidays")
    root = User.objects.create_superuser("root")
    skip_run(Run.objects.filter(status="blocked")[0], actor=root, reason="It is not needed")
    waiting, _left = Run.objects.filter(Run.blocking_filter()).order_by("pk")
    take(waiting, actor=root)
    take(waiting, actor=operator_user)
    add_note(waiting, actor=root, text="I help")
    resume_workflow(paused, actor=root, reason="They are over")
    add_alert(paused)
    add_alert(handler_of("mails").workflow, person=root, status="sent")
    AccountChange.objects.create(kind="group", about="all", what="made", actor=root)
    Mutation.objects.filter(pk=Mutation.objects.filter(status="applied")[0].pk).update(
        mutator="in no code any more"
    )
    handler = handler_of("mails")
    repair = WorkflowVersion.objects.create(
        workflow=handler.workflow,
        major=1,
        minor=1,
        kind="repair",
        source_digest="1" * 64,
        actor=root,
    )
    Run.objects.create(
        workflow=handler.workflow, handler=handler, version=repair, phase="preparing",
        status="active", started_at=timezone.now(),
        carried_mutation=Mutation.objects.filter(status="skipped").first(),
    )  # fmt: skip
    dated = (
        (Alert, "created_at"),
        (Event, "created_at"),
        (Run, "started_at"),
        (Mutation, "sent_at"),
    )
    for model, at in dated:
        for row, age in zip(model._default_manager.all(), cycle(AGES), strict=False):
            model._default_manager.filter(pk=row.pk).update(**{at: timezone.now() - age})
    Handler.objects.filter(pk=handler.pk).update(is_current=False)
    consumers = Handler.objects.filter(kind="consumer", breaker=None)
    for status, handler in zip(("open", "half_open"), consumers, strict=False):
        Breaker.objects.create(handler=handler, status=status, trial_at=timezone.now())


def handler_of(slug: str) -> Handler:
    return Handler.objects.get(name="Pay", workflow__slug=slug)


def waits_for(run: Run) -> set[str]:
    if run.status == "blocked" or (run.owes_retry and run.retry_due_at is None):
        return {"a person"}
    if run.status == "reconciling" or run.owes_retry:
        return {"the next attempt"}
    return {"a worker"} if run.status == "active" else set()


def ages(row: Any) -> set[str]:
    since = {Run: "started_at", Mutation: "sent_at"}.get(type(row), "created_at")
    age = timezone.now() - getattr(row, since)
    limits = {"hour": HOUR, "day": DAY, "7 days": 7 * DAY, "30 days": 30 * DAY}
    younger = {f"the last {name}" for name, limit in limits.items() if age < limit}
    older = {"an hour": HOUR, "a day": DAY, "7 days": 7 * DAY}
    return younger | {f"more than {name}" for name, limit in older.items() if age > limit}


def looked_into_by(run: Run) -> set[str]:
    decisions = run.operator_actions.exclude(operation="add_note").order_by("-pk")
    last = decisions.first()
    if last is not None and last.operation == "take_run":
        return {last.actor.username}
    return {"nobody, and it needs a person"} if run.needs_person else set()


def effects_of(row: Any) -> list[Mutation]:
    if isinstance(row, Mutation):
        return [row]
    return [] if row.settled_mutation is None else [row.settled_mutation]


def topics_of(row: Any) -> set[str]:
    if isinstance(row, Event):
        return {str(row.topic)}
    return {str(reservation.event.topic) for reservation in row.reservations.all()}


def named(row: Any) -> set[str]:
    person = row.person if isinstance(row, Alert) else row.actor
    return {person.username} if person else set()


#: What a filter of our own calls a row; of the others it is the value of their field.
CALLED: dict[str, Callable[[Any], set[str]]] = {
    "waits for": waits_for,
    "age": ages,
    "version": lambda row: {f"{run_of(row).workflow.slug} {run_of(row).version}"},
    "handler": lambda run: {str(run.handler)},
    "outcome": lambda run: {effect.get_status_display() for effect in effects_of(run)},
    "blocked": lambda workflow: {"yes" if workflow.is_blocked else "no"},
    "to": lambda alert: {alert.channel or "people, by e-mail"},
    "person": named,
    "looked into by": looked_into_by,
    "decided by": lambda row: {
        record.history_user.username
        for record in row.history.all()
        if record.history_user is not None
    },
    "topic": topics_of,
    "outside system": lambda row: {effect.mutator for effect in effects_of(row)},
}


def status_of(run: Run) -> str:
    is_waiting = run.status == Run.Status.ACTIVE and run.fencing_token is None
    return "Waiting" if is_waiting else run.get_status_display()


def run_of(row: Any) -> Run:
    run: Run = row.run if isinstance(row, Mutation) else row
    return run


def value_of(row: Any, path: str) -> set[str]:
    """Return what Django's filters call the value of a field."""
    *relations, last = path.split("__")
    row = reduce(getattr, relations, row)
    value = getattr(row, last)
    if isinstance(value, bool):
        return {"Yes" if value else "No"}
    told = getattr(row, f"get_{last}_display", lambda: value)()
    return {str(told)} if value not in (None, "") else set()


def test_each_choice_shows_the_rows_that_it_names(
    several: None, viewer: Client, operator: Client
) -> None:
    wanted, found = {}, {}
    for model in SHOWN:
        address = list_of(model) + ("?polls=all" if model is Run else "")
        listed = viewer.get(address).context["cl"]
        rows = list(model._default_manager.all())
        for spec in listed.filter_specs:
            path = getattr(spec, "field_path", None)
            if isinstance(spec, TimeFilter) or (path is None and spec.title not in CALLED):
                continue
            called = [
                CALLED[spec.title](row) if path is None else value_of(row, path) for row in rows
            ]
            links = {
                str(choice["display"]): choice["query_string"] for choice in spec.choices(listed)
            }
            names = sorted(set().union(*called))
            # Of Django's own, and of one that another list has too, two tell whether it asks for the right field.
            is_known = path is not None or spec.title in {title for _, title, _ in wanted}
            for name in ["All", *(names[:2] if is_known else names)]:
                key = (model.__name__, str(spec.title), name)
                shown = viewer.get(list_of(model) + links.get(name, "?no=such choice")).context
                found[key] = {row.pk for row in shown["cl"].result_list} if shown else None
                wanted[key] = {
                    row.pk
                    for row, names in zip(rows, called, strict=True)
                    if name in names | {"All"}
                }
    assert found == wanted
    # Who looks is offered first, and not once more by name.
    for client, others in ((viewer, ["olga", "root"]), (operator, ["root"])):
        listed = client.get(list_of(OperatorAction)).context["cl"]
        (spec,) = (each for each in listed.filter_specs if str(each.title) == "person")
        assert [choice["display"] for choice in spec.choices(listed)] == ["All", "me", *others]
    dated = viewer.get(f"{list_of(WorkflowVersion)}?age=30d").context["cl"].result_list
    in_order = WorkflowVersion.objects.order_by(*IN_ORDER[WorkflowVersion])
    assert [row.pk for row in dated] == [row.pk for row in in_order], "the dates leave its order"
    assert len(wanted) > 120
    assert {model for model, title, _ in wanted if title == "decided by"} >= {
        "Event",
        "Run",
        "Mutation",
    }


def at(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def lane(name: str | None) -> str:
    return "not named yet" if name is None else name or "main"


#: What the columns of each list tell of a row.
TOLD: dict[type[Any], Callable[[Any], list[object]]] = {
    AccountChange: lambda row: [
        at(row.created_at), row.kind, row.about, Truncator("; ".join(row.what.split("\n"))).chars(160),
        row.actor_name or "-",
    ],
    Alert: lambda row: [
        at(row.created_at), row.workflow.slug, row.channel or f"the e-mail of {row.person}",
        row.get_status_display(), row.subject, row.problem or "-",
    ],
    Breaker: lambda row: [
        row.handler.name, row.handler.workflow.slug, row.status.replace("_", " "), row.unknowns,
        at(row.opened_at), at(row.trial_at),
    ],
    Event: lambda row: [
        row.message_id, f"{row.topic.workflow.slug}: {row.topic.name}", lane(row.lane),
        row.get_status_display(), row.reserved_by or "–", at(row.created_at),
    ],
    Handler: lambda row: [
        row.name, row.workflow.slug, row.get_kind_display(),
        "check_small" if row.is_current else "close_small",
    ],
    Input: lambda row: [
        row.title, row.workflow.slug, row.source, row.type, row.external_id, at(row.created_at)
    ],
    Mutation: lambda row: [
        f"{row.mutator} {row.target}", row.run.workflow.slug, row.run.title,
        row.get_status_display(), row.get_resolved_by_display() or "-", at(row.sent_at),
    ],
    OperatorAction: lambda row: [
        row.get_operation_display(), row.actor_name, row.workflow.slug,
        row.event or row.run or row.workflow, row.reason or "-", at(row.created_at),
    ],
    Run: lambda row: [
        row.pk, row.title or "–", row.workflow.slug, row.handler.name, lane(row.lane),
        status_of(row), at(row.started_at),
    ],
    Topic: lambda row: [
        row.name, row.workflow.slug,
        f"{row.workflow.slug}: {row.consumer.name}" if row.consumer else "-",
    ],
    Workflow: lambda row: [
        row.slug, row.title, row.get_status_display(), "blocked" if row.is_blocked else "no",
        row.active_version or "-",
    ],
    WorkflowVersion: lambda row: [
        f"{row.major}.{row.minor}", row.workflow.slug, row.get_kind_display(), row.actor or "-",
        at(row.created_at),
    ],
}  # fmt: skip
#: In which order they stand, where the newest is not the first.
IN_ORDER = {
    Breaker: ("handler__workflow__slug", "handler__name"),
    Handler: ("workflow__slug", "name"),
    Topic: ("workflow__slug", "name"),
    Workflow: ("slug",),
    WorkflowVersion: ("workflow__slug", "-major", "-minor"),
}


def test_each_list_tells_of_each_row_what_its_columns_say(several: None, viewer: Client) -> None:
    found, wanted = {}, {}
    for model in SHOWN:
        address = list_of(model) + ("?polls=all" if model is Run else "")
        body = viewer.get(address).content.decode().split("</thead>")[1].split("</table>")[0]
        found[model] = [
            [text_of_html(f"<td{cell}") for cell in re.split(r"<t[dh]\b", row)[1:]]
            for row in re.split(r"<tr\b", body)[1:]
        ]
        rows = model._default_manager.order_by(*IN_ORDER.get(model, ["-pk"]))
        wanted[model] = [[str(cell) for cell in TOLD[model](row)] for row in rows]
    assert found == wanted
