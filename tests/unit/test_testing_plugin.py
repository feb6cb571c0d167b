"""A workflow author uses the pytest plugin from a project of their own, with settings of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]

SETTINGS = """
from config.settings import DATABASES  # a server is all that is taken from this project

DATABASES["default"]["NAME"] += "_author"
SECRET_KEY = "not-a-secret"
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "simple_history",
    "pgtrigger",
    "procrastinate.contrib.django",
    "workflows_app",
    "shop",
]
MIDDLEWARE = ["simple_history.middleware.HistoryRequestMiddleware"]
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True
SIMPLE_HISTORY_REVERT_DISABLED = True
SIMPLE_HISTORY_ENFORCE_HISTORY_MODEL_PERMISSIONS = True
WORKFLOWS = {"transient_retries": 1}
"""

WORKFLOWS = """
from workflows_app.sdk import *


class CreatePayment(Mutator):
    name = "bank.create_payment"

    def execute(self, params, *, idempotency_key):
        raise AssertionError("A test must not reach the bank.")


class PayInvoice(Consumer):
    subscribes = ["invoice.received"]
    publishes = ["invoice.paid"]

    def prepare(self, ctx, state):
        return PrepareResult(ctx.peek("invoice.received", limit=1))

    def mutate(self, prepared):
        return MutationCall(CreatePayment, prepared.reservations[0].payload)

    def next(self, ctx, prepared, outcome):
        if outcome.status == "applied":
            ctx.publish("invoice.paid", message_id="42", payload=outcome.result)
        return {"runs": (ctx.state or {}).get("runs", 0) + 1}


@register
class InvoicePayments(Workflow):
    slug = "invoice-payments"
    title = "Pay invoices"
    version = "1.0"
    consumers = [PayInvoice]
    mutators = [CreatePayment]
"""

TESTS = """
import pytest
from django.core.management import call_command
from django.utils import timezone
from datetime import timedelta

from shop.workflows import CreatePayment, InvoicePayments
from workflows_app.models import Event, Handler, Mutation, Run
from workflows_app.publishing import publish
from workflows_app.testing import UnscriptedMutator


@pytest.fixture
def paid_by(registered, drain, scripted):
    def play(*outcomes, days=0):
        bank = scripted(*outcomes, replaces=CreatePayment)
        with registered(InvoicePayments, mutators=[bank]):
            publish(
                workflow="invoice-payments",
                topic="invoice.received",
                message_id="42",
                payload={"amount": 1},
            )
            for day in range(days + 1):
                drain("invoice-payments", now=timezone.now() + timedelta(days=day))
        return bank

    return play


@pytest.mark.django_db
def test_pays(paid_by):
    bank = paid_by("applied")
    assert [params for params, key in bank.calls] == [{"amount": 1}]
    assert Event.objects.get(topic__name="invoice.paid").payload == {"number": 1}
    assert Handler.objects.get().state == {"runs": 1}


@pytest.mark.django_db
def test_blocks(paid_by):
    paid_by("lost")
    assert Mutation.objects.get().status == "indeterminate"


@pytest.mark.django_db(transaction=True)
def test_retries_once_by_the_project_s_own_policy(paid_by):
    bank = paid_by("refused", days=3)
    assert len(bank.calls) == 2
    assert Run.objects.get(owes_retry=True).retry_due_at is None


@pytest.mark.django_db
def test_a_forgotten_stand_in_reaches_nobody(registered, drain):
    with registered(InvoicePayments):
        publish(workflow="invoice-payments", topic="invoice.received", message_id="1", payload={})
        with pytest.raises(UnscriptedMutator, match="^'bank.create_payment' is no stand-in"):
            drain()


@pytest.mark.django_db
def test_unless_the_test_wants_to(registered, drain):
    with registered(InvoicePayments, allow_outside=True):
        publish(workflow="invoice-payments", topic="invoice.received", message_id="1", payload={})
        drain()
    assert "A test must not reach the bank." in Mutation.objects.get().evidence.get().detail


@pytest.mark.django_db
def test_nothing_of_a_test_is_left_to_the_next():
    assert not Run.objects.exists()


def test_the_project_is_set_up_rightly():
    call_command("check", fail_level="WARNING")
"""

FAILS = """
import pytest
from shop.workflows import CreatePayment, InvoicePayments, PayInvoice
from workflows_app.publishing import publish


class Forgetful(PayInvoice):
    def lane(self, event):
        return event.message_id

    def next(self, ctx, prepared, outcome):
        return outcome.result["payment"]


class Forgets(InvoicePayments):
    consumers = [Forgetful]


@pytest.mark.django_db
def test_pays(registered, drain, scripted):
    with registered(Forgets, mutators=[scripted(replaces=CreatePayment)]):
        for name in "12":
            publish(workflow=Forgets.slug, topic="invoice.received", message_id=name, payload={})
        drain(max_steps=1)


class Misspelt(CreatePayment):
    def execute(self, params, *, idempotency_key):
        return params["amuont"]


@pytest.mark.django_db
def test_blocks(registered, drain):
    publishes = dict(workflow=InvoicePayments.slug, topic="invoice.received", payload={})
    with registered(InvoicePayments, mutators=[Misspelt], allow_outside=True):
        publish(message_id="1", **publishes)
        drain()
    assert False


# With a database, as others: so it comes right after them.
@pytest.mark.django_db
def test_without_a_run():
    assert False
"""

FAIL = {
    "test_pays": "drain() did not come to rest",
    "test_blocks": "assert False",
    "test_without_a_run": "assert False",
}

ASKS_FOR_THE_FIXTURES = """
def test_fixtures(registered, drain, scripted):
    assert scripted("applied").outcomes == ["applied"]
"""

BY_CONFTEST = 'pytest_plugins = ["workflows_app.testing"]\n'


def write_project(directory: Path, **files: str) -> None:
    """Write a project with an app `shop`; `files` by their names, `__` for a slash."""
    files = {
        "authored_settings": SETTINGS,
        "shop____init__": "",
        "shop__workflows": WORKFLOWS,
    } | files
    for name, text in files.items():
        path = directory / (name.replace("shop__", "shop/") + ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (directory / "pytest.ini").write_text(
        "[pytest]\nDJANGO_SETTINGS_MODULE = authored_settings\npythonpath = .\n"
        "django_find_project = false\n"
    )


def install(directory: Path) -> None:
    """Make this project an installed distribution, as far as pytest looks: by its entry points."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    distribution = directory / "workflow_operations-0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Name: workflow-operations\nVersion: 0\n")
    lines = [f"{name} = {module}" for name, module in declared["pytest11"].items()]
    (distribution / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))


def run_pytest(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), str(directory)])
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=directory,
        env=kept | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def outcomes(report: Path) -> dict[str, str]:
    """Return what became of each test: `passed`, or the text of what went wrong."""
    cases = ElementTree.parse(report).iter("testcase")
    return {
        f"{case.attrib['classname']}.{case.attrib['name']}": "\n".join(
            part.text or part.tag for part in case
        )
        or "passed"
        for case in cases
    }


def test_an_author_s_tests_run_on_settings_of_their_own(tmp_path: Path) -> None:
    """Where the project is installed too: pytest loads a plugin once, and a conftest.py may name it."""
    write_project(tmp_path, conftest=BY_CONFTEST, test_shop=TESTS, test_fails=FAILS)
    install(tmp_path)

    done = run_pytest(tmp_path, "--create-db", "-o", "junit_logging=no", "--junitxml=report.xml")

    assert (tmp_path / "report.xml").exists(), done.stdout + done.stderr
    told = outcomes(tmp_path / "report.xml")
    failed = {name: told.pop(f"test_fails.{name}") for name in FAIL}
    assert [why in failed[name] for name, why in FAIL.items()] == [True, True, True]
    assert told == dict.fromkeys(
        [
            "test_shop.test_pays",
            "test_shop.test_blocks",
            "test_shop.test_retries_once_by_the_project_s_own_policy",
            "test_shop.test_a_forgotten_stand_in_reaches_nobody",
            "test_shop.test_unless_the_test_wants_to",
            "test_shop.test_nothing_of_a_test_is_left_to_the_next",
            "test_shop.test_the_project_is_set_up_rightly",
        ],
        "passed",
    )
    # A failed test says why its runs failed, and why nobody knows what became of a call.
    assert done.stdout.count("of PayInvoice is blocked, after execute: KeyError: 'amuont'") == 1
    assert 'return params["amuont"]' in done.stdout
    assert done.stdout.count("- Workflow runs whose outcome is unknown -") == 1
    assert done.stdout.count("of Forgetful failed while emitting: KeyError: 'payment'") == 2
    assert 'return outcome.result["payment"]' in done.stdout
    assert done.stdout.count("- Workflow runs that failed -") == 1


def test_where_the_project_is_installed_the_fixtures_are_there_by_themselves(
    tmp_path: Path,
) -> None:
    write_project(tmp_path, test_shop=ASKS_FOR_THE_FIXTURES)
    install(tmp_path)

    done = run_pytest(tmp_path, "-q")

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("1 passed")
