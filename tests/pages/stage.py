"""One stage of everything that the console can show: several of each thing, and no two alike.

What engine and operations do is done by them; what needs a second process, or an accident, is written by hand.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User

from tests.clocks import Clock
from tests.pages import works
from tests.pages.by_hand import add_by_hand
from tests.pages.works import Play, plays
from workflows_app import registry
from workflows_app.engine.versions import sync
from workflows_app.models import Event, Run, Workflow
from workflows_app.operations import (
    add_note,
    decide_now,
    it_didnt_happen,
    it_happened,
    pause_workflow,
    resume_workflow,
    retry_failed_run,
    skip_event,
    skip_run,
    take,
    try_again,
)
from workflows_app.publishing import publish, register_input
from workflows_app.sdk import Workflow as Code
from workflows_app.testing import SimulatedCrash, drain

SOURCES = {"invoices": "erp", "parcels": "shop", "letters": "desk"}
NO_ANSWER = {"calls": ["lost"], "asks": ["broken"]}


@dataclass
class Stage:
    """What happens on the stage, and who is there."""

    clock: Clock
    stack: ExitStack
    people: dict[str, User] = field(default_factory=dict)
    code: dict[str, type[Code]] = field(default_factory=dict)
    #: By which each of them is logged in.
    cookies: dict[str, Any] = field(default_factory=dict)
    #: What pages showed, by whoever looked in which language. Tests undo what they change.
    shown: dict[Any, dict[Any, Any]] = field(default_factory=lambda: defaultdict(dict))

    def person(self, name: str, *groups: str, may: str = "", **extra: Any) -> User:
        person = User.objects.create_user(name, f"{name}@example.com", is_staff=True, **extra)
        person.groups.set(Group.objects.filter(name__in=groups))
        person.user_permissions.set(Permission.objects.filter(codename__in=may.split()))
        self.people[name] = person
        return person

    def deploy(self, code: type[Code], by: str, note: str, **options: Any) -> None:
        self.stack.enter_context(registry.override(code))
        self.code[code.slug] = code
        sync(code, actor=self.people[by], note=note, **options)

    def goes_on(self, *slugs: str, hours: float = 3) -> None:
        """Let time pass, and the host work."""
        self.clock.advance(hours=hours)
        for slug in slugs or self.code:
            drain(slug)

    def happens(
        self, slug: str, topic: str, about: str, supplier: str, play: dict[str, Any] | None = None,
        hosts: int = 1, **payload: Any,
    ) -> Event:  # fmt: skip
        """Publish something, and let the host work so many times, hours apart."""
        plays[about] = Play(**(play or {}))
        self.clock.advance(hours=3)
        event = publish(
            workflow=slug,
            topic=topic,
            message_id=about,
            payload={"supplier": supplier, **payload},
            input=register_input(
                workflow=slug, source=SOURCES[slug], type=topic.partition(".")[0], external_id=f"erp-{about}",
                title=f"Order of {about}" if len(about) % 2 else "",
            ),
        )  # fmt: skip
        for _ in range(hosts):
            self.goes_on(slug, hours=3)
        return event

    def invoice(
        self, number: int, supplier: str, hosts: int = 1, more: dict[str, Any] | None = None, **play: Any
    ) -> Run:  # fmt: skip
        """Let an invoice be paid, as `play` says; return the last run about it. `more` is in its payload, too."""
        about = f"INV-{number}"
        told = {
            "amount": f"{number * 11}.{number % 90 + 10}",
            "iban": f"DE{number}",
            **(more or {}),
        }
        event = self.happens(
            "invoices", "invoice.received", about, supplier, play, hosts=hosts, **told
        )
        return run_of(event)


def run_of(event: Event | str) -> Any:
    """Return the last run about an event."""
    message_id = event if isinstance(event, str) else event.message_id
    return Run.objects.filter(reservations__event__message_id=message_id).order_by("pk").last()


def crashes(stage: Stage, slug: str) -> None:
    """Let the worker die at what it does next."""
    stage.clock.advance(hours=3)
    with pytest.raises(SimulatedCrash):
        drain(slug)


def play_all(stage: Stage) -> None:
    """Let everything happen."""
    plays.clear()
    _people_come(stage)
    _long_ago(stage)
    _invoices_are_settled(stage)
    _parcels_stop(stage)
    _letters_crash(stage)
    _a_new_version_comes(stage)
    _invoices_wait(stage)
    add_by_hand(stage)


def _people_come(stage: Stage) -> None:
    stage.person("root", is_superuser=True)
    stage.clock.advance(minutes=5)
    stage.person("olga", "Workflow operators", first_name="Olga")
    stage.person("sue", "Workflow supervisors", "Workflow operators")
    stage.person("viktor", "Workflow viewers")
    stage.person("eve", may="view_event")
    stage.person("rita", may="view_run")
    Group.objects.create(name="Parcel clerks")
    stage.person("jürgen", "Workflow operators", "Parcel clerks")


def _long_ago(stage: Stage) -> None:
    stage.deploy(works.Invoices, "root", "As agreed with the book-keepers")
    stage.clock.advance(hours=2)
    stage.deploy(works.Parcels, "sue", "")
    stage.deploy(works.Letters, "root", "Letters, too")
    stage.goes_on()
    stage.invoice(101, "ACME")
    stage.happens("parcels", "order.packed", "ORD-1", "ACME", weight=2)
    stage.clock.advance(days=40)


def _invoices_are_settled(stage: Stage) -> None:
    olga, sue, root = (stage.people[name] for name in ("olga", "sue", "root"))
    stage.goes_on()
    stage.invoice(102, "ACME", hosts=4, calls=["lost", "applied"], asks=["not_applied"])
    happened = stage.invoice(108, "Gamma", hosts=4, **NO_ANSWER)
    it_happened(happened, actor=olga, reason="It is in the list", result={"payment": "P-108"})
    stage.goes_on()
    denied = stage.invoice(109, "Holm", hosts=4, calls=["lost", "applied"], asks=["broken"])
    it_didnt_happen(denied, actor=sue, reason="Not in the list, says Ms Øst")
    stage.goes_on()
    skipped = stage.invoice(110, "Iris", hosts=4, **NO_ANSWER)
    skip_run(skipped, actor=olga, reason="Withdrawn by the supplier")
    stage.goes_on()
    stage.invoice(118, "Nova", calls=["applied"])
    stage.happens("invoices", "invoice.received", "INV-119", "Nova", free=True, amount="0.00")
    cancelled = stage.happens("invoices", "invoice.received", "INV-120", "Opal", hosts=0)
    skip_event(cancelled, actor=olga, reason="Sent twice by the supplier")
    plays["INV-121/invoice.paid"] = Play(calls=["rejected", "applied"])
    stage.invoice(121, "Pico", hosts=2)
    stage.clock.advance(hours=3)
    retry_failed_run(run_of("INV-121/invoice.paid"), actor=root, reason="The inbox is open again")
    stage.goes_on()
    stage.invoice(122, "Quarz", hosts=0, calls=["crash"], asks=["applied"])
    crashes(stage, "invoices")
    stage.goes_on()
    stage.invoice(123, "Rubin", hosts=0, trouble={"prepare": ["crash"]})
    crashes(stage, "invoices")
    stage.goes_on()
    asked = stage.invoice(124, "Saphir", hosts=4, calls=["lost"], asks=["broken"] * 3 + ["applied"])
    try_again(asked, actor=olga, reason="The list is back")
    stage.goes_on()
    stage.invoice(125, "Topas", hosts=4, calls=["refused"])
    stage.happens("invoices", "invoice.counted", "CNT-1", "ACME")
    stage.happens("invoices", "invoice.counted", "CNT-2", "ACME", wait=900)
    stage.happens("invoices", "invoice.counted", "CNT-3", "ACME")


def _parcels_stop(stage: Stage) -> None:
    for number, supplier, call in ((2, "Bär", "lost"), (3, "Cöln", "reset"), (4, "Dorf", "lost")):
        told = {"weight": number * 3, "note": "fragile — vorsichtig, naïve façade"}
        play = {"calls": [call]}
        stage.happens("parcels", "order.packed", f"ORD-{number}", supplier, play, **told)
    for number, call in ((1, "garbage"), (2, "lost")):
        play = {"calls": [call]}
        stage.happens("parcels", "pickup.wanted", f"PCK-{number}", f"Hof {number}", play)
    stage.happens("parcels", "pickup.wanted", "PCK-3", "Hof 3", hosts=0)
    jürgen, parcels = stage.people["jürgen"], Workflow.objects.get(slug="parcels")
    pause_workflow(parcels, actor=jürgen, reason="The carrier is on strike")
    stage.clock.advance(hours=3)
    resume_workflow(parcels, actor=stage.people["root"], reason="They work again")
    stage.clock.advance(hours=3)
    pause_workflow(parcels, actor=jürgen, reason="They strike again")


def _letters_crash(stage: Stage) -> None:
    stage.happens("letters", "letter.written", "LET-1", "Ada")
    trouble = {"prepare": ["crash", "crash"]}
    stage.happens(
        "letters", "letter.written", "LET-2", "Bob & Co #1", {"trouble": trouble}, hosts=0
    )
    for _ in range(2):
        crashes(stage, "letters")
        stage.goes_on("letters")
    trouble = {"mutate": ["transient", "transient", "transient"]}
    stage.happens("letters", "letter.written", "LET-3", "Cyd", {"trouble": trouble}, hosts=3)
    stage.happens("letters", "letter.written", "LET-4", "Bob & Co #1", hosts=0)


def _a_new_version_comes(stage: Stage) -> None:
    stage.clock.advance(hours=3)
    note = "Counting is over"
    stage.deploy(works.RepairedInvoices, "olga", note, accept_orphans=True)
    stage.clock.advance(hours=3)
    stage.deploy(works.ReplannedParcels, "sue", "Another carrier")


def _comes_by_mail_too(stage: Stage, about: str) -> None:
    event = Event.objects.get(message_id=about)
    mail = register_input(workflow="invoices", source="inbox", type="mail", external_id=f"mail-{about}", title="A reminder")  # fmt: skip
    publish(workflow="invoices", topic=event.topic.name, message_id=about, payload=event.payload, input=mail)  # fmt: skip


def _invoices_wait(stage: Stage) -> None:
    olga, sue = stage.people["olga"], stage.people["sue"]
    stage.invoice(103, "Brick", calls=["rejected"])
    late = stage.invoice(105, "Dunkel", hosts=4, **NO_ANSWER)
    stage.invoice(114, "Dunkel", hosts=0)
    stage.invoice(115, "Dunkel", hosts=1)
    stage.invoice(107, "Fjord", hosts=0, **NO_ANSWER)
    _comes_by_mail_too(stage, "INV-107")
    for _ in range(4):
        stage.goes_on("invoices")
    stage.invoice(111, "Jade", trouble={"next": ["logic", "logic"]})
    stage.invoice(112, "Kilo", trouble={"prepare": ["logic"]})
    more = {"currency": "EUR", "due": "2026-03-01", "office": "Köln", "order": 4711}
    taken = stage.invoice(117, "Mike", hosts=4, more=more, **NO_ANSWER)
    add_note(taken, actor=sue, text="I called the bank: they look.\nThey call back.")
    stage.clock.advance(hours=3)
    take(taken, actor=sue)
    stage.clock.advance(hours=3)
    take(taken, actor=olga, reason="Ms Sue is on holiday")
    take(late, actor=sue, reason="Mine")
    plays["INV-130/invoice.paid"] = Play(calls=["lost"])
    stage.invoice(130, "Ulm <b>& Söhne</b>", hosts=2)
    plays["INV-131/invoice.paid"] = Play(calls=["garbage"])
    stage.invoice(131, "Volt", hosts=2)
    stage.happens(
        "invoices", "invoice.received", "INV-132-" + "long-" * 30 + "end", "W" * 80, NO_ANSWER,
        hosts=4, amount="1.00", lines=[{"text": f"Line {n} " + "word " * 30} for n in range(12)],
    )  # fmt: skip
    decided = stage.invoice(133, "Xaver", hosts=2, **NO_ANSWER)
    decide_now(decided, actor=sue, reason="I know that they are closed")
    stage.invoice(106, "Ember", hosts=1, calls=["lost"], asks=["retry"])
    stage.invoice(104, "Cargo", calls=["refused"])
    stage.invoice(134, "Yeti", hosts=0)
