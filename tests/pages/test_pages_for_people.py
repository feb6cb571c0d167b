"""What people see who may not see or decide all; what they are refused; and the pages in German."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from tests.admin.addresses import HOME, history_of, list_of, page_of
from tests.pages.looking import DIALOG, Looking, short
from tests.pages.reading import Page
from tests.pages.stage import Stage, run_of
from tests.pages.telling import Telling, difference
from workflows_app.models import (
    AlertChoice,
    Breaker,
    Event,
    Evidence,
    Handler,
    Input,
    Mutation,
    OperatorAction,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
)

pytestmark = pytest.mark.django_db

SEARCH = "/admin/workflows_app/run/search/?q="


def test_home_and_lists(stage: Stage, kept: Any) -> None:
    """Look at what several people find from where they begin; sue has no groups."""
    told, root = Telling(), Looking(stage)
    stage.people["sue"].groups.clear()
    whole, _ = root.home()
    for name in ("olga", "viktor", "rita", "eve", "sue"):
        home, side_bar = Looking(stage, name).home()
        told.differs(f"home, for {name}", home, whole)
        told.shows(f"side bar, for {name}", side_bar, "side bar")
    for name, model in (
        ("viktor", Run), ("viktor", Event), ("rita", Run), ("rita", Event), ("eve", Event),
    ):  # fmt: skip
        pages = [looks.at(list_of(model)) for looks in (Looking(stage, name), root)]
        # Who decides about none has no boxes to tick.
        rows = [Page([], [re.sub(r"^select \d+ \| ", "", line) for line in page.lines]) for page in pages]  # fmt: skip
        told.differs(f"{short(list_of(model))}, for {name}", *rows)
    assert told.text == kept


@pytest.mark.parametrize("name", ["viktor", "olga", "rita"])
def test_what_is_masked(name: str, stage: Stage, kept: Any) -> None:
    looks, root, told = Looking(stage, name), Looking(stage), Telling()
    run = run_of("INV-105")
    for address in (
        page_of(run.mutation), history_of(run.mutation), page_of(run, "it_happened"),
        f"{SEARCH}DE105", f"{SEARCH}Dunkel",
    ):  # fmt: skip
        told.differs(short(address), looks.at(address), root.at(address))
    exports = []
    for person in (root, looks):
        answer = person.client.get(f"{list_of(Event)}export/")
        lines = b"".join(answer.streaming_content if answer.streaming else [answer.content])
        exports.append([str(answer.status_code), *lines.decode().splitlines()])
    told.heading("export of events")
    told.says(*list(difference(*exports))[:12])
    assert told.text == kept


def test_what_may_not_be_seen(stage: Stage, kept: Any) -> None:
    """Look as somebody who may decide about runs, and see all but one kind of rows."""
    eve, told = stage.people["eve"], Telling()
    decides = ["assert_happened", "assert_not_happened", "skip_run", "skip_event", "take_run"]
    may = Permission.objects.filter(codename__startswith="view_") | Permission.objects.filter(codename__in=decides)  # fmt: skip
    run, paid = run_of("INV-105"), Event.objects.get(message_id="INV-109/invoice.paid")
    breaker = Breaker.objects.get(handler__name="SendParcel")
    skip, search, ended = page_of(run, "skip_run"), f"{SEARCH}INV-109", page_of(run_of("INV-110"))
    event, effect = page_of(paid), page_of(run.mutation)
    denied, mute = page_of(run, "it_didnt_happen"), page_of(run_of("INV-130/invoice.paid"), "it_happened")  # fmt: skip
    workflow, circuit = page_of(Workflow.objects.get(slug="invoices")), page_of(breaker)
    eve.user_permissions.set(may)
    looks, seen = Looking(stage, "eve"), {}
    differs: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for hidden, addresses in {
        Event: [skip, search, ended, effect], Evidence: [skip, ended, effect, circuit, workflow],
        Handler: [workflow, circuit], Input: [event, effect, search],
        Mutation: [skip, denied, mute, ended, event, circuit, workflow, search], OperatorAction: [skip, ended, effect, search],
        Run: [event, workflow, circuit, search], Topic: [event, skip],
        Workflow: [event, effect], Breaker: [workflow], WorkflowVersion: [workflow],
    }.items():  # fmt: skip
        eve.user_permissions.set(may.exclude(codename=f"view_{hidden._meta.model_name}"))
        less = {address: looks.now(address) for address in (HOME, page_of(run), *addresses)}
        eve.user_permissions.set(may)
        for address, page in less.items():
            seen[address] = seen.get(address) or looks.now(address)
            lines = difference(seen[address].lines, page.lines)
            differs[address]["\n".join(lines)].append(hidden.__name__)
    for address, each in differs.items():
        for text, names in each.items():
            told.heading(f"{short(address)} without {', '.join(names)}{'' if text else ': the same'}")  # fmt: skip
            told.says(*text.splitlines())
    assert told.text == kept


def test_who_decides_about_a_workflow(stage: Stage, kept: Any) -> None:
    sent = {**DIALOG, "reason": "Mine"}
    told, root = Telling(), Looking(stage)
    for name in ("olga", "jürgen", "viktor"):
        looks = Looking(stage, name)
        run, workflow = run_of("ORD-2"), Workflow.objects.get(slug="parcels")
        told.differs(f"run {run.pk}, for {name}", looks.at(page_of(run)), root.at(page_of(run)))
        for row, press in ((run, "skip_run"), (run, "take"), (workflow, "resume_workflow")):
            shows = page_of(row) if name == "jürgen" else ""
            looks.presses(told, page_of(row, press), shows, **sent)
        many = {"action": "bulk_skip_run", "_selected_action": [run.pk, run_of("INV-117").pk]}
        if name != "viktor":
            looks.presses(told, list_of(Run), **many, confirmed="yes", reason="Ours")
    assert told.text == kept


def test_alerts_for_me(stage: Stage, kept: Any) -> None:
    told, olga = Telling(), Looking(stage, "olga")
    choice = AlertChoice.objects.filter(person=olga.person).order_by("pk").last()
    assert choice is not None
    address = list_of(AlertChoice)
    for each in (address, f"{address}add/", page_of(choice), page_of(choice, "delete")):
        told.shows(short(each), olga.at(each))
    wrong = {"workflow": "", "channel": "team", "blocked": "on"}
    for sent in (
        {}, {"channel": "team"}, wrong, {"workflow": choice.workflow_id, "channel": "", "breaker": "on"},
    ):  # fmt: skip
        olga.presses(told, f"{address}add/", address, **sent)
    olga.presses(told, page_of(choice), address, **wrong | {"workflow": choice.workflow_id})
    olga.presses(told, f"{address}try/", address)
    User.objects.filter(pk=olga.person.pk).update(email="")
    olga.presses(told, f"{address}add/", channel="", blocked="on")
    for name in ("sue", "viktor", "eve"):
        told.differs(f"{short(address)}, for {name}", Looking(stage, name).at(address), olga.at(address))  # fmt: skip
    assert told.text == kept


def test_saved_filters(stage: Stage, kept: Any) -> None:
    told, olga, address = Telling(), Looking(stage, "olga"), f"{list_of(Run)}filters/"
    found = f"{list_of(Run)}?status__exact=failed&q=Brick"
    told.narrows(short(found), olga.at(found), olga.at(list_of(Run)))
    for sent in (
        {"name": "New", "query": "waits=time"}, {"name": "", "query": "x=1"},
        {"name": "Mine", "query": "waits=time"}, {"forget": "951"}, {"forget": "1"},
    ):  # fmt: skip
        olga.presses(told, address, list_of(Run), **sent)
    assert told.text == kept


def test_pages_that_are_not_there(stage: Stage, kept: Any) -> None:
    told, root, runs = Telling(), Looking(stage), list_of(Run)
    eve, stranger = Looking(stage, "eve"), Looking(stage, "")
    for looks, addresses, begin in (
        (root, [f"{runs}99/change/", f"{runs}99/skip-run/", "/admin/nowhere/", "/nowhere", "/admin/workflows_app/workflow/101/history/8103/", f"{runs}together/bulk_nothing/?rows=1", f"{runs}3160/look/"], "main"),
        (root, [f"{runs}?{query}" for query in ("p=99", "workflow__id__exact=x", "status__exact=no", "on=x", "xyz=1", "q=" + "x" * 300)], "main"),
        (eve, [runs, f"{list_of(Event)}together/bulk_skip_event/?rows=2144", page_of(run_of("INV-105"))], "main"),
        (stranger, [HOME, runs, "/healthz", "/readyz", "/"], ""),
    ):  # fmt: skip
        for address in addresses:
            told.shows(f"{short(address)[:80]}, for {looks.name}", looks.at(address, begin))
    for looks, number in ((root, 3160), (root, 99), (eve, 3160)):
        looks.presses(told, f"{runs}{number}/look/")
    assert told.text == kept


def test_login_pages(stage: Stage, kept: Any) -> None:
    told, stranger, olga = Telling(), Looking(stage, ""), Looking(stage, "olga")
    for page in ("login/", "login/?next=/admin/", "inactive/", "sso/cancelled/", "sso/error/"):
        told.shows(f"/account/{page}", stranger.at(f"/account/{page}", ""))
    stranger.presses(told, "/account/login/", login="olga", password="wrong")
    stranger.presses(told, "/account/login/", login="", password="")
    for page in ("logout/", "reauthenticate/", "again/", "second-factor/", "second-factor/recovery-codes/"):  # fmt: skip
        told.shows(f"/account/{page}", olga.at(f"/account/{page}"), "olga")
    assert told.text == kept


def test_pages_in_german(stage: Stage, kept: Any) -> None:
    told, root = Telling(), Looking(stage, "root", "de")
    run = run_of("INV-105")
    rows = [
        run, run_of("INV-103"), Event.objects.get(message_id="INV-114"), Workflow.objects.get(slug="parcels"),
    ]  # fmt: skip
    for address in [HOME, *map(page_of, rows), list_of(AlertChoice)]:
        told.shows(short(address), root.at(address))
    for name in ("it_happened", "it_didnt_happen", "skip_run"):
        told.shows(short(page_of(run, name)), root.at(page_of(run, name), "dialog"), "dialog")
    assert told.text == kept
