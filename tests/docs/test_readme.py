"""The README says nothing that does not hold: its examples run, its tests and targets are there."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import get_commands
from django.utils import timezone

from workflows_app import registry, sdk
from workflows_app.connectors.http.answer import HttpAnswer
from workflows_app.models import Event, Run
from workflows_app.publishing import publish

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
#: The pages that name tests, files, targets and commands.
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def block(first_line: str) -> str:
    """Return the one Python example that begins with `first_line`."""
    (found,) = [text for text in BLOCKS if text.startswith(first_line)]
    return found


@pytest.fixture
def invoices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `invoices` with the modules that the README shows."""
    package = tmp_path / "invoices"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("workflows.py", "test_workflows.py"):
        (package / name).write_text(block(f"# invoices/{name}\n"))
    monkeypatch.syspath_prepend(str(tmp_path))
    before = dict(registry.declared)
    yield package
    registry.declared.clear()
    registry.declared.update(before)
    for name in [name for name in sys.modules if name.split(".")[0] == "invoices"]:
        del sys.modules[name]


@pytest.mark.django_db
def test_the_example_and_its_test_work_as_they_stand(
    invoices: Path,
    registered: Callable[..., Any],
    drain: Callable[..., int],
    scripted: Callable[..., Any],
) -> None:
    from invoices import test_workflows  # type: ignore[import-not-found]  # made by the fixture

    test_workflows.test_an_invoice_is_paid_once_though_the_answer_is_lost(
        registered, drain, scripted
    )


@pytest.mark.django_db
def test_application_code_publishes_as_shown(
    invoices: Path, registered: Callable[..., Any], scripted: Callable[..., Any]
) -> None:
    from invoices.workflows import (  # type: ignore[import-not-found]  # made by the fixture
        CreatePayment,
        InvoicePayments,
    )

    pay = scripted("applied", replaces=CreatePayment)
    with registered(InvoicePayments, mutators=[pay]):
        exec(block("from workflows_app.publishing import publish\n"), {})

    event = Event.objects.get()
    assert (event.message_id, event.status, event.payload["supplier"]) == ("42", "pending", "ACME")
    assert Run.objects.count() == 0


@pytest.mark.django_db
def test_the_producer_publishes_each_invoice_once(
    invoices: Path, registered: Callable[..., Any], drain: Callable[..., int]
) -> None:
    from invoices.workflows import InvoicePayments  # type: ignore[import-not-found]  # by the fixture

    class Inbox:
        def newer_than(self, last: int) -> list[dict[str, Any]]:
            return [{"number": 1, "supplier": "ACME"}][last:]

    names: dict[str, Any] = {**vars(sdk), "inbox": Inbox()}
    exec(block("class FindInvoices(Producer):\n"), names)
    polled = type(
        "Polled",
        (InvoicePayments,),
        {"producers": [names["FindInvoices"]], "consumers": [], "mutators": []},
    )
    with registered(polled):
        for days in (1, 2):
            drain("invoice-payments", now=timezone.now() + timedelta(days=days))

    assert Event.objects.get().message_id == "1"
    assert [run.status for run in Run.objects.all()] == ["committed"] * 2


class Post:
    """What the mutator of the README talks to: it takes a letter, and its answer is lost."""

    def __init__(self) -> None:
        self.letters: dict[str, SimpleNamespace] = {}

    def send(self, *, to: str, reference: str) -> SimpleNamespace:
        if to == "nobody":
            return SimpleNamespace(refused=True, reason="no such address")
        self.letters[reference] = SimpleNamespace(number=len(self.letters) + 1)
        raise TimeoutError

    def is_closed(self) -> bool:
        return False

    def find(self, *, reference: str) -> SimpleNamespace | None:
        return self.letters.get(reference)


@pytest.mark.django_db
def test_a_mutator_of_another_kind_is_asked_as_shown(
    invoices: Path, registered: Callable[..., Any], drain: Callable[..., int]
) -> None:
    from invoices.workflows import InvoicePayments, PayInvoice

    names: dict[str, Any] = {**vars(sdk), "post": Post(), "timedelta": timedelta}
    exec(block("class SendLetter(Mutator):\n"), names)
    sends = names["SendLetter"]
    consumer = type(
        "Send", (PayInvoice,), {"mutate": lambda _, was: sdk.MutationCall(sends, was.data)}
    )
    writes = type("Writes", (InvoicePayments,), {"consumers": [consumer], "mutators": [sends]})
    with registered(writes, allow_outside=True):
        for to in ("Grace", "nobody"):
            letter = {"to": to, "supplier": to, "invoice": to}
            publish(
                workflow="invoice-payments", topic="invoice.received", message_id=to, payload=letter
            )
        drain()

    assert [
        (run.status, run.failure_kind, run.mutation.resolved_by, run.mutation.result)
        for run in Run.objects.order_by("lane")
    ] == [
        ("committed", "", "reconcile", {"letter": 1}),
        ("failed", "rejected", "response", None),
    ]


def test_what_a_call_and_a_look_up_leave_is_the_same_as_shown() -> None:
    shown: dict[str, Any] = {}
    exec(block("def result_from(self, status, body):\n"), shown)
    (found,) = re.findall(r"```python\n(  def found\(.*?)```", README, flags=re.DOTALL)
    exec(textwrap.dedent(found), shown)
    payment = {"number": "4711"}
    answer = HttpAnswer(200, json.dumps({"items": [payment], "total": 1}))

    assert shown["result_from"](None, 200, shown["found"](None, answer)) == {"payment": "4711"}
    assert shown["result_from"](None, 201, payment) == {"payment": "4711"}
    assert shown["found"](None, HttpAnswer(200, '{"items": [], "total": 0}')) is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", page.read_text())

    for path, test in named:
        assert (ROOT / path).is_file(), path
        assert not test or f"def {test}(" in (ROOT / path).read_text(), f"{path}::{test}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_and_command_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()
    makefile = (ROOT / "Makefile").read_text()

    for target in re.findall(r"^make ([a-z][\w-]*)|`make ([a-z][\w-]*)", text, flags=re.MULTILINE):
        assert f"\n{''.join(target)}:" in makefile, target
    commands = {path.stem for path in (ROOT / "workflows_app").rglob("management/commands/*.py")}
    for command in re.findall(r"manage\.py ([a-z_]+)", text):
        assert command in commands | set(get_commands()), command


def test_every_promise_names_a_test_that_shows_it() -> None:
    rows = re.findall(r"^\| (P\d) \|(.*)\|(.*)\|$", README, flags=re.MULTILINE)

    assert [number for number, *_ in rows] == ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"]
    for number, _, shown_by in rows:
        assert re.search(r"tests/[\w/]+\.py::\w+", shown_by), number


def test_every_variable_of_the_environment_is_on_a_page() -> None:
    code = "".join(path.read_text() for path in (ROOT / "config").glob("*.py"))
    names = {*re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', code)}
    text = "".join(page.read_text() for page in PAGES)

    assert {"DEBUG", "SECURE_HSTS_SECONDS", "STATIC_ROOT"} <= names
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_picture_that_a_page_shows_is_there(page: Path) -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text()):
        assert (page.parent / path).is_file(), path
