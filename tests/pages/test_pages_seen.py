"""What the pages of the console show to who may see all of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.admin.addresses import (
    SHOWN_TO_SUPERUSERS,
    history_of,
    list_of,
    old_versions_of,
    page_of,
)
from tests.pages.looking import Looking, short
from tests.pages.reading import Page
from tests.pages.stage import Stage, run_of
from tests.pages.telling import Telling
from workflows_app.models import (
    AccountChange,
    Alert,
    AlertChoice,
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

pytestmark = pytest.mark.django_db

#: What the runs are about whose pages are read. Each waits, failed or ended in another way.
RUNS = [
    "INV-101", "INV-102", "INV-103", "INV-104", "INV-105", "INV-106", "INV-107", "INV-108", "INV-109", "INV-110",
    "INV-111", "INV-117", "INV-119", "INV-121/invoice.paid", "INV-122", "INV-124", "INV-125", "INV-130",
    "INV-130/invoice.paid", "INV-131/invoice.paid", "INV-133", "ORD-2", "PCK-1", "PCK-2", "RF-7",
    "INV-132-" + "long-" * 30 + "end",
]  # fmt: skip
TYPED = {
    Run: ["INV-10", "3106", "310", "Dunkel", "pay inv-105"],
    Event: ["INV-109", "Holm", "1287.37", "2112"],
    Mutation: ["ACME", "P-108", "aaaaaa", "1265.35"],
    Input: ["erp-INV-105", "mail", "Invoice 2"],
    OperatorAction: ["bank", "sue", "list"],
    Workflow: ["par"],
    Handler: ["pay"],
    Topic: ["paid"],
    Breaker: ["book"],
    WorkflowVersion: ["carrier", "agreed"],
    AccountChange: ["olga", "factor"],
}
#: So many values of each filter are tried.
TRIED = 3


@pytest.fixture
def root(stage: Stage) -> Looking:
    return Looking(stage)


def runs() -> list[Run]:
    """Return the runs whose pages are read: of each thing the last, and others that ended otherwise."""
    found = [run_of(about) for about in RUNS]
    first = [Run.objects.filter(reservations__event__message_id=about).order_by("pk")[0] for about in ("INV-102", "INV-109", "INV-125", "INV-121/invoice.paid")]  # fmt: skip
    others = {}
    for run in Run.objects.filter(reservations=None).order_by("-pk"):
        effect = run.settled_mutation
        alike = (run.handler_id, run.status, run.phase, run.failure_kind, run.owes_retry, effect and effect.status)  # fmt: skip
        others[alike] = run
    return sorted({*found, *first, *others.values()}, key=lambda run: run.pk)


def test_home(root: Looking, kept: Any) -> None:
    told = Telling()
    for name, page in zip(("home", "side bar"), root.home(), strict=True):
        told.shows(name, page, kind=name)
    told.shows("what stands on every page", root.at("/admin/workflows_app/topic/401/change/", ""))
    assert told.text == kept


def test_lists(root: Looking, stage: Stage, kept: Any) -> None:
    told = Telling()
    for model in (*SHOWN_TO_SUPERUSERS, AlertChoice):
        looks = Looking(stage, "olga") if model is AlertChoice else root
        told.shows(short(list_of(model)), looks.at(list_of(model)), kind=model.__name__)
    for model, query in (
        (Run, "status__exact=blocked&q=Pay"),
        (Run, "p=2"),
        (Run, "on=2026-02"),
        (Run, "status__exact=blocked&q=nothing"),
        (Run, "started_at_from_0=2026-02-09&started_at_to_0=2026-02-10&o=7"),
        (Event, "on=2026-02-09&status__exact=pending"),
        (Mutation, "q=ACME&outside=bank.pay"),
    ):
        address = f"{list_of(model)}?{query}"
        told.narrows(short(address), root.at(address), root.at(list_of(model)))
    assert told.text == kept


@pytest.mark.parametrize("model", SHOWN_TO_SUPERUSERS, ids=lambda each: each.__name__)
def test_what_filters_searches_and_orders_find(model: Any, root: Looking, kept: Any) -> None:
    listed, lines = root.listed(model), []
    for spec in listed.filter_specs:
        choices = list(spec.choices(listed)) if hasattr(spec, "choices") else []
        for place, choice in enumerate(choices):
            query = str(choice.get("query_string", "")).lstrip("?")
            found = ""
            if query and (place <= TRIED or place == len(choices) - 1):
                found = f": {root.rows_at(model, query)}"
            lines.append(f"{spec.title}: {choice.get('display')} ?{query}{found}")
    queries = [{"q": typed} for typed in TYPED.get(model, [])]
    if listed.model_admin.sortable_by:
        queries += [{"o": str(order)} for order in range(1, len(listed.list_display) + 1)]
    if any(getattr(spec, "parameter_name", "") == "lane" for spec in listed.filter_specs):
        queries += [{"lane": lane} for lane in ("ACME", "main", "Bär")]
    dated = listed.model_admin.dated_by
    if dated:
        queries += [{"on": day} for day in ("2025", "2026-02", "2026-02-09")]
        queries += [
            {f"{dated}_from_0": "2026-02-09", f"{dated}_from_1": "12:00"},
            {f"{dated}_from_0": "2026-02-09", f"{dated}_to_0": "2026-03-01", "on": "2026-02"},
            {f"{dated}_from_0": "2026-02-08", f"{dated}_to_0": "2026-02-09", "p": "1"},
        ]
    asked = [urlencode(query) for query in queries]
    lines += [f"{query}: {root.rows_at(model, query)}" for query in asked]
    assert "\n".join(lines) + "\n" == kept


@pytest.mark.parametrize("model", SHOWN_TO_SUPERUSERS, ids=lambda each: each.__name__)
def test_exports(model: Any, root: Looking, kept: Any) -> None:
    answer = root.client.get(f"{list_of(model)}export/")
    name = answer.headers["Content-Disposition"]
    lines = b"".join(answer.streaming_content).decode().replace("\r\n", "\n")
    assert f"{name}\n{lines}" == kept


#: Who else looks at which.
OTHERS = {
    "INV-103": ["viktor", "rita"], "INV-105": ["viktor", "olga", "rita"], "INV-106": ["olga"],
    "INV-109": ["rita"], "INV-110": ["viktor", "rita"],
}  # fmt: skip
STATES = {
    "blocked": ["blocked", "reconciling"],
    "failed": ["failed", "crashed"],
    "done": ["committed", "active"],
}


@pytest.mark.parametrize("group", STATES)
def test_pages_of_runs(group: str, stage: Stage, root: Looking, kept: Any) -> None:
    told = Telling()
    others = {name: Looking(stage, name) for name in ("viktor", "olga", "rita")}
    decisive = {run_of(about).pk: names for about, names in OTHERS.items()}
    for run in runs():
        if run.status in STATES[group]:
            page, name = root.at(page_of(run)), f"run {run.pk}, {run.status}"
            told.shows(name, page)
            for other in decisive.get(run.pk, []):
                told.differs(f"{name}, for {other}", others[other].at(page_of(run)), page)
    assert told.text == kept


def test_pages_of_effects(root: Looking, kept: Any) -> None:
    told = Telling()
    alike = {}
    for effect in Mutation.objects.select_related("run").order_by("-pk"):
        contradicts = effect.evidence.filter(contradicts=True).exists()
        alike[effect.mutator, effect.status, effect.resolved_by, contradicts] = effect
    for place, effect in enumerate(sorted(alike.values(), key=lambda each: each.pk)):
        page = root.at(page_of(effect))
        told.shows(f"effect {effect.pk}", _without_story(page) if place else page)
    assert told.text == kept


def _without_story(page: Page) -> Page:
    """Return the page of an effect without its graph and timeline, which are those of its run."""
    begin = page.lines.index("aria-label='Where it came from, and what came of it'")
    end = next(place for place, line in enumerate(page.lines) if line.startswith("Outside system:"))
    return Page(page.frame, [*page.lines[:begin], *page.lines[end:]])


def test_pages_of_events(stage: Stage, root: Looking, kept: Any) -> None:
    told = Telling()
    alike = {}
    for event in Event.objects.exclude(status="consumed").order_by("-pk"):
        runs = event.reservations.count()
        alike[event.topic_id, event.status, event.lane is None, runs > 1, type(event.payload)] = event  # fmt: skip
    done = Event.objects.filter(message_id__in=["INV-001", "INV-102", "INV-109/invoice.paid"])
    for event in sorted({*done, *alike.values()}, key=lambda each: each.pk):
        told.shows(f"event {event.pk}, {event.status}", root.at(page_of(event)))
    event = Event.objects.get(message_id="INV-109/invoice.paid")
    for name in ("viktor", "eve"):
        page = Looking(stage, name).at(page_of(event))
        told.differs(f"event {event.pk}, for {name}", page, root.at(page_of(event)))
    assert told.text == kept


@pytest.mark.parametrize("model", [Workflow, Handler, Breaker, WorkflowVersion, Topic, Alert, Input, OperatorAction, AccountChange], ids=lambda each: each.__name__)  # fmt: skip
def test_pages_of_rows(model: Any, stage: Stage, root: Looking, kept: Any) -> None:
    told = Telling()
    viktor = Looking(stage, "viktor")
    rows = model._default_manager.order_by("pk")
    if model is Input:
        rows = rows.filter(external_id__in=["mail-1", "erp-INV-109", "erp-INV-105"])
    elif model is AccountChange:
        rows = rows.order_by("-pk")[:4]
    elif model is OperatorAction:
        rows = {row.operation: row for row in rows}.values()
    elif model in (Alert, Topic, Handler):
        rows = rows[: 7 if model is Handler else 4]
    for place, row in enumerate(rows):
        page, name = root.at(page_of(row)), f"{model.__name__.lower()} {row.pk}"
        told.shows(name, page)
        if place == 1:
            told.differs(f"{name}, for viktor", viktor.at(page_of(row)), page)
    assert told.text == kept


def test_histories(root: Looking, kept: Any) -> None:
    told = Telling()
    rows = [
        run_of("INV-105"), run_of("INV-109"), run_of("INV-124").mutation,
        Event.objects.get(message_id="INV-110"), Breaker.objects.get(handler__name="SendParcel"),
        Workflow.objects.get(slug="parcels"), WorkflowVersion.objects.get(major=1, minor=1),
    ]  # fmt: skip
    for row in rows:
        told.shows(short(history_of(row)), root.at(history_of(row)), kind="history")
        if not isinstance(row, Run) or row == rows[0]:
            for address in old_versions_of(row)[-3:]:
                told.shows(short(address), root.at(address), kind=type(row).__name__)
    effect, workflow = rows[2], rows[5]
    for row, query in (
        (effect, "person=none"), (effect, "changed=status"), (effect, "person=12"),
        (workflow, "person=18&changed=status"), (workflow, "person=99&changed=title"),
        (workflow, "person=x&changed=id"),
    ):  # fmt: skip
        address = f"{history_of(row)}?{query}"
        told.narrows(short(address), root.at(address), root.at(history_of(row)))
    assert told.text == kept


def test_the_search(root: Looking, kept: Any) -> None:
    told = Telling()
    for typed in ["INV-105", "1287.37", "Holm", "sue", "3106", "1,265.35", "zzz", "", "x", "P-108", "list bank"]:  # fmt: skip
        address = f"/admin/workflows_app/run/search/?{urlencode({'q': typed})}"
        told.shows(f"search for “{typed}”", root.at(address))
    for typed in ["INV-105", "Holm", "runs", "zzz"]:
        address = f"/admin/search/?extended=1&{urlencode({'s': typed})}"
        told.shows(f"palette for “{typed}”", root.at(address, "command-results-list"), "palette")
    assert told.text == kept
