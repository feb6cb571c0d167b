"""What each decision's dialog shows of each kind of row, what a press is answered, and what the page shows then."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.admin.addresses import list_of, page_of
from tests.pages.looking import DIALOG, Looking, short
from tests.pages.stage import Stage, run_of
from tests.pages.telling import Telling
from workflows_app.admin.breakers import BreakerAdmin
from workflows_app.admin.events import EventAdmin
from workflows_app.admin.runs import RunAdmin
from workflows_app.admin.workflows import WorkflowAdmin
from workflows_app.models import Breaker, Event, Run, Workflow
from workflows_app.operations import take

pytestmark = pytest.mark.django_db

#: Runs in each state in which something can be decided, and one in which nothing can.
RUNS = [
    "INV-101", "INV-103", "INV-104", "INV-105", "INV-106", "INV-107", "INV-111", "INV-117", "INV-125",
    "INV-130/invoice.paid", "INV-133", "ORD-2", "PCK-1", "PCK-2", "RF-7",
]  # fmt: skip
LONG = "INV-132-" + "long-" * 30 + "end"
#: What applies to it in all states is shown of this one alone.
ALWAYS = ("take", "add_note")


@pytest.fixture
def root(stage: Stage) -> Looking:
    return Looking(stage)


@pytest.mark.parametrize("button", RunAdmin.buttons, ids=lambda button: button.name)
def test_dialogs_of_runs(button: Any, root: Looking, kept: Any) -> None:
    """Open a dialog of each run to which it applies, and of one to which it does not."""
    told = Telling()
    rows = [run_of(about) for about in (*RUNS, LONG)]
    applying = [run for run in rows if button.applies(run)]
    others = [run for run in rows if run not in applying][:1]
    if button.name in ALWAYS:
        applying = [run_of("INV-105"), run_of("INV-107"), run_of("INV-117")]
    for run in [*applying, *others]:
        told.shows(f"of run {run.pk}, {run.status}", root.at(page_of(run, button.name), "dialog"))
    assert told.text == kept


def test_dialogs_of_other_rows(root: Looking, kept: Any) -> None:
    told = Telling()
    letters = Run.objects.filter(workflow__slug="letters", owes_retry=True).order_by("pk")
    rows = [
        *((row, WorkflowAdmin) for row in Workflow.objects.order_by("pk")),
        *((row, BreakerAdmin) for row in Breaker.objects.order_by("pk")),
        *((Event.objects.get(message_id=name), EventAdmin) for name in ("INV-114", "INV-101", "LET-5")),
        *((run, RunAdmin) for run in letters),
    ]  # fmt: skip
    for row, of in rows:
        for button in of.buttons:
            if of is not RunAdmin or (button.applies(row) and button.name not in ALWAYS):
                page = root.at(page_of(row, button.name), "dialog")
                told.shows(short(page_of(row, button.name)), page, kind=f"{of}{button.name}")
    assert told.text == kept


def presses_on_runs() -> list[tuple[str, str, dict[str, Any]]]:
    reason = {"reason": "I looked"}
    found = {"asked_payment": "P-999"}
    about = f"Run {run_of('INV-108').pk} has the same result, and I know that it is right for both"
    same = {"despite_same_result": "on", "ticked_about": about}
    return [
        ("INV-105", "it_happened", reason | found),
        ("INV-105", "it_happened", reason),
        ("INV-105", "it_happened", reason | {"asked_payment": "x"}),
        ("INV-105", "it_happened", reason | {"asked_payment": "P-108"}),
        (
            "INV-105",
            "it_happened",
            reason | {"asked_payment": "P-108", **same, "ticked_about": "x"},
        ),
        ("INV-105", "it_happened", reason | {"asked_payment": "P-108", **same}),
        ("INV-105", "it_happened", found | {"reason": ""}),
        ("INV-117", "it_happened", reason | found),
        ("INV-130/invoice.paid", "it_happened", reason),
        ("INV-105", "it_didnt_happen", reason),
        ("INV-117", "it_didnt_happen", reason),
        ("INV-117", "it_didnt_happen", reason | {"seen": "e1-d0"}),
        ("ORD-2", "it_didnt_happen", reason),
        ("INV-117", "skip_run", reason),
        ("RF-7", "skip_run", reason),
        ("INV-107", "it_happened", reason),
        ("INV-107", "try_again", reason),
        ("INV-106", "decide_now", reason),
        ("INV-103", "retry_failed_run", reason),
        ("INV-101", "retry_failed_run", reason),
        ("INV-111", "skip_event", reason),
        ("INV-107", "take_run", {"reason": "Mine"}),
        ("INV-107", "add_note", reason),
    ]


def test_presses_on_runs(root: Looking, kept: Any) -> None:
    told = Telling()
    seen: dict[str, str] = {}
    for about, code, sent in presses_on_runs():
        run = run_of(about)
        name = RunAdmin.buttons[[b.code for b in RunAdmin.buttons].index(code)].name
        if about not in seen:
            seen[about] = seen_in(root, run, name)
        all_sent = {**DIALOG, "seen": seen[about], **sent}
        root.presses(told, page_of(run, name), page_of(run), **all_sent)
    assert told.text == kept


def seen_in(root: Looking, row: Any, name: str) -> str:
    """Return what the dialog carries of what it shows."""
    shown = "\n".join(root.at(page_of(row, name), "dialog").lines)
    return "".join(re.findall(r"name='seen' value='([^']*)'", shown)[:1])


def test_presses_on_other_rows(root: Looking, kept: Any) -> None:
    reason = {"reason": "I looked"}
    invoices, parcels = (Workflow.objects.get(slug=slug) for slug in ("invoices", "parcels"))
    event, done = (Event.objects.get(message_id=name) for name in ("INV-114", "INV-101"))
    told = Telling()
    for row, name in [
        (invoices, "pause_workflow"), (invoices, "resume_workflow"), (parcels, "resume_workflow"),
        (invoices, "run_producers_now"), *((breaker, "close_breaker") for breaker in Breaker.objects.order_by("pk")[1:]),
        (event, "skip_event"), (done, "skip_event"),
    ]:  # fmt: skip
        seen = seen_in(root, row, name)
        sent = {**DIALOG, **reason, **({"seen": seen} if seen else {})}
        root.presses(told, page_of(row, name), page_of(row), **sent)
    # It was published again since the dialog was opened.
    stale = {**DIALOG, **reason, "seen": "r3"}
    root.presses(told, page_of(event, "skip_event"), page_of(event), **stale)
    assert told.text == kept


def test_where_one_goes_if_others_look_into_what_waits(
    root: Looking, stage: Stage, kept: Any
) -> None:
    told = Telling()
    waiting = Run.objects.filter(Run.blocking_filter()).order_by("started_at", "pk")
    for of, taken in (("the first three", waiting[:3]), ("all", waiting)):
        for run in taken:
            take(run, actor=stage.people["jürgen"])
        page = root.now(page_of(run_of("INV-110")))
        told.heading(f"jürgen looks into {of}")
        told.says(*page.lines[: [*(line[:2] for line in page.lines), "##"].index("##")])
    assert told.text == kept


def chosen() -> list[int]:
    """Return runs of which some can be decided about in any way."""
    # The workflow of RF-7 was never deployed, so that nothing is sent again.
    return sorted(run_of(about).pk for about in RUNS if about != "RF-7")


@pytest.mark.parametrize("button", [each for each in RunAdmin.buttons if each.is_for_many], ids=lambda each: each.name)  # fmt: skip
def test_many_runs_at_once(button: Any, root: Looking, kept: Any) -> None:
    told = Telling()
    sent = {"action": f"bulk_{button.name}", "_selected_action": chosen()}
    pressed = {**sent, "confirmed": "yes", "reason": "We looked at all of them", "looked": "on"}
    address = list_of(Run)
    of_button = {"retry_failed_run": "failed", "decide_now": "reconciling"}
    status = of_button.get(button.name, "blocked")
    root.presses(told, f"{address}?status__exact={status}", **sent)
    root.presses(told, address, f"{address}?on=2026-02-14", **pressed)
    assert told.text == kept


def test_many_other_rows_at_once(root: Looking, kept: Any) -> None:
    told = Telling()
    events = Event.objects.filter(topic__name="invoice.received").order_by("-pk")[:8]
    for model, action, rows in (
        (Event, "bulk_skip_event", events),
        (Workflow, "bulk_pause_workflow", Workflow.objects.all()),
        (Workflow, "bulk_resume_workflow", Workflow.objects.all()),
        (Breaker, "bulk_close_breaker", Breaker.objects.all()),
    ):
        sent = {"action": action, "_selected_action": [row.pk for row in rows]}
        root.presses(told, list_of(model), **sent)
        if model is Breaker:
            root.presses(told, list_of(model), **sent, confirmed="yes", reason=" ")
        sent |= {"confirmed": "yes", "reason": "All of them"}
        root.presses(told, list_of(model), list_of(model), **sent)
    address = f"{list_of(Run)}together/bulk_skip_run/?rows=3160.3169&list=status__exact%3Dblocked"
    told.shows("two of them, by their address", root.at(address), kind=short(list_of(Run)))
    assert told.text == kept
