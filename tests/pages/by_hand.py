"""What is on the stage though no test could let it happen in one process: rows by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.models.rows import Rows
from tests.pages import works
from workflows_app.models import (
    AccountChange,
    Alert,
    AlertChoice,
    Breaker,
    Event,
    Evidence,
    Handler,
    LaneState,
    Lease,
    Mutation,
    Reservation,
    Run,
    SavedFilter,
    Workflow,
)
from workflows_app.operations import add_note

if TYPE_CHECKING:
    from tests.pages.stage import Stage


def add_by_hand(stage: Stage) -> None:
    _late_answers(stage)
    _a_trial(stage)
    _alerts(stage)
    _accounts(stage)
    _a_workflow_without_code(stage)
    _ended_otherwise(stage)
    _at_work(stage)
    stage.clock.advance(minutes=40)
    # Somebody is looking at these just now.
    _answers("INV-107", "probe", "applied", stage.people["sue"])
    _answers("INV-117", "probe", "not_applied", stage.people["sue"])
    # From now on the bank's list lags.
    patch = stage.stack.enter_context(pytest.MonkeyPatch.context())
    patch.setattr(works.BankPay, "absence_is_proof_after", timedelta(days=5))


def _effect(about: str) -> Mutation:
    effects = Mutation.objects.filter(run__reservations__event__message_id=about)
    return effects.order_by("pk")[0]


def _late_answers(stage: Stage) -> None:
    sue = stage.people["sue"]
    for about, kind, verdict, contradicts, person in (
        ("INV-105", "late", "applied", False, None),
        ("INV-109", "late", "applied", True, None),
        ("INV-101", "late", "not_applied", True, None),
        ("INV-110", "late", "unknown", False, None),
        ("INV-122", "probe", "applied", False, sue),
        ("INV-133", "late", "unknown", False, None),
        ("INV-133", "probe", "unknown", False, sue),
        ("INV-132-" + "long-" * 30 + "end", "probe", "applied", False, sue),
        ("INV-132-" + "long-" * 30 + "end", "probe", "not_applied", False, sue),
    ):
        stage.clock.advance(hours=3)
        _answers(about, kind, verdict, person, contradicts=contradicts)
    # A note settles nothing.
    add_note(_effect("INV-109").run, actor=sue, text="I have written to them")


def _answers(
    about: str, kind: str, verdict: str, person: Any, *, contradicts: bool = False
) -> None:
    Evidence.objects.create(
        mutation=_effect(about),
        kind=kind,
        verdict=verdict,
        contradicts=contradicts,
        detail=f'answered 200: {{"about": "{about[:9]}", "said": "{verdict}"}}',
        attempt=Evidence.objects.filter(mutation=_effect(about)).count() + 1,
        actor=person,
        actor_name=person.username if person else "",
    )


def _a_trial(stage: Stage) -> None:
    stage.clock.advance(hours=3)
    breaker = Breaker.objects.get(handler__name="BookPickup")
    breaker.let_one_through()
    breaker.save()
    for name in ("BookPickup", "SendParcel"):
        LaneState.objects.create(
            handler=Handler.objects.get(name=name), lane="wakes", wake_at=stage.clock.at
        )


def _at_work(stage: Stage) -> None:
    letters = Workflow.objects.get(slug="letters")
    handler = Handler.objects.get(workflow=letters, kind="consumer")

    def begin(lane: str, phase: str, **values: Any) -> Run:
        stage.clock.advance(hours=3)
        return Run.objects.create(
            workflow=letters, handler=handler, version=letters.active_version, lane=lane,
            phase=phase, started_at=stage.clock.at, **values,
        )  # fmt: skip

    called = begin("Dov", "mutating", title="Print LET-8", fencing_token=9, prepare_result={})
    Mutation.objects.create(
        run=called, mutator="mail.send", params={"about": "LET-8", "sheets": [1, 2]},
        target="Dov's inbox", idempotency_key="aa" * 16, sent_at=stage.clock.at,
    )  # fmt: skip
    begin("Eli", "prepared", title="Print LET-9", fencing_token=9, prepare_result={"data": {}})
    begin("Fay", "preparing")
    parcels = Workflow.objects.get(slug="parcels")
    Run.objects.create(
        workflow=parcels, handler=Handler.objects.get(workflow=parcels, name="SendParcel"),
        version=parcels.active_version, lane="Eck", phase="prepared", title="Send ORD-9",
        started_at=stage.clock.at, prepare_result={"data": {"about": "ORD-9"}},
    )  # fmt: skip
    topic = Event.objects.get(message_id="LET-4").topic
    Event.objects.create(topic=topic, message_id="LET-5", payload=[1, "two"], lane=None)
    Lease.objects.filter(workflow=letters).update(
        holder="", next_due_at=stage.clock.at, expires_at=None
    )


def _a_workflow_without_code(stage: Stage) -> None:
    """One lane, one blocked run, and nobody left who knows how to ask."""
    rows = Rows("refunds")
    Lease.objects.create(workflow=rows.workflow)
    stage.clock.advance(hours=3)
    run = rows.run("blocked", title="Refund 7", started_at=stage.clock.at)
    effect = Mutation.objects.create(
        run=run, status="indeterminate", mutator="gone.refund", target="Zoë", params={"amount": 7},
        idempotency_key="7e" * 16, sent_at=stage.clock.at,
    )  # fmt: skip
    event = rows.event("reserved", message_id="RF-7", payload={"amount": 7}, reserved_by=run)
    Reservation.objects.create(run=run, event=event)
    stage.clock.advance(hours=3)
    effect.evidence.create(kind="execute", verdict="unknown", detail="no answer within 30 s")
    rows.event(message_id="RF-8", payload="text")
    LaneState.objects.create(handler=rows.handler, lane="", wake_at=stage.clock.at, is_held=True)
    free = rows.event(message_id="RF-9", lane="free", payload=[])
    LaneState.objects.create(handler=rows.handler, lane="free", oldest_pending=free.pk)
    LaneState.objects.create(
        handler=rows.handler, lane="quiet", wake_at=stage.clock.at, state={"x": 1}
    )


def _ended_otherwise(stage: Stage) -> None:
    letters = Workflow.objects.get(slug="letters")
    handler = Handler.objects.get(workflow=letters, kind="consumer")

    def ended(status: str, lane: str, phase: str, **values: Any) -> Run:
        stage.clock.advance(hours=3)
        return Run.objects.create(
            workflow=letters, handler=handler, version=letters.active_version, lane=lane,
            phase=phase, status=status, started_at=stage.clock.at,
            **{"ended_at": stage.clock.at, **values},
        )  # fmt: skip

    refused = ended("committed", "Gus", "committed", title="Print LET-20")
    Mutation.objects.create(
        run=refused, mutator="mail.send", params={"about": "LET-20"}, target="Gus",
        idempotency_key="20" * 16, status="failed", resolved_by="response", sent_at=stage.clock.at,
        resolved_at=stage.clock.at,
    )  # fmt: skip
    died = ended("crashed", "Hal", "mutating", title="Print LET-21", idempotency_key="21" * 16)
    stage.clock.advance(hours=3)
    went_on = ended(
        "committed", "Hal", "committed", title="Print LET-21, again", idempotency_key="21" * 16,
        retry_of=died,
    )  # fmt: skip
    sent = Mutation.objects.create(
        run=died, mutator="mail.send", params={"about": "LET-21"}, target="Hal",
        idempotency_key="21" * 16, status="applied", resolved_by="reconcile", result={"ok": 1},
        sent_at=stage.clock.at, resolved_at=stage.clock.at,
    )  # fmt: skip
    Run.objects.filter(pk=went_on.pk).update(carried_mutation=sent)
    ended("committed", "Ian", "committed", prepare_result={"data": {"about": "nothing"}})
    goes_on = ended("active", "Jo", "mutated", title="Print LET-22", fencing_token=9, ended_at=None)
    Mutation.objects.create(
        run=goes_on, mutator="mail.send", params={}, idempotency_key="22" * 16, status="applied",
        resolved_by="response", sent_at=stage.clock.at, resolved_at=stage.clock.at,
    )  # fmt: skip
    Evidence.objects.create(
        mutation=_effect("PCK-2"), kind="late", verdict="not_applied", detail="", attempt=2
    )


def _alerts(stage: Stage) -> None:
    for number, (slug, status, channel, person, problem) in enumerate(
        (
            ("invoices", "sent", "team", None, ""),
            ("invoices", "waiting", "night", None, "there was no answer, or a refusal"),
            ("parcels", "dropped", "team", None, ""),
            ("parcels", "sent", "", "olga", ""),
            ("letters", "waiting", "", "sue", "the mail server does not take the address"),
        ),
        start=1,
    ):
        stage.clock.advance(hours=3)
        Alert.objects.create(
            workflow=Workflow.objects.get(slug=slug),
            status=status,
            channel=channel,
            person=stage.people.get(person or ""),
            facts=[f"blocked {number}"],
            subject=f"{slug}: {number} wait" if status != "waiting" else "",
            body=f"First line of {number}.\nhttps://ops.example/{number}" * (status != "waiting"),
            attempts=number,
            problem=problem,
            created_at=stage.clock.at,
            next_attempt_at=stage.clock.at,
            ended_at=None if status == "waiting" else stage.clock.at,
        )
    olga = stage.people["olga"]
    AlertChoice.objects.create(person=olga, channel="team", breaker=False, failed=False)
    invoices = Workflow.objects.get(slug="invoices")
    AlertChoice.objects.create(
        person=olga, workflow=invoices, contradiction=False, test_asked_at=stage.clock.at,
        test_sent_at=stage.clock.at, test_problem="your account has no e-mail",
    )  # fmt: skip
    AlertChoice.objects.create(person=stage.people["sue"], channel="gone", blocked=False)


def _accounts(stage: Stage) -> None:
    root, sue = stage.people["root"], stage.people["sue"]
    ines = stage.person("ines", is_active=False)
    for kind, about, what, person in (
        ("account", "olga", "email changed\nis_active: False", root),
        (
            "group",
            "Parcel clerks",
            "permissions added: Can skip events\npermissions removed: x",
            sue,
        ),
        ("account", "paul", "deleted", None),
        ("account", "paula", "created", ines),
        ("account", "sue", "second factor added\ngroups added: Workflow operators", sue),
    ):
        stage.clock.advance(hours=3)
        AccountChange.objects.create(
            kind=kind, about=about, about_key="77", what=what, actor=person,
            actor_name=person.username if person else "", address="192.0.2.7" if person else "",
            session="f" * 64 if person else "",
        )  # fmt: skip
    for name, query in (("Mine", "decided=me"), ("Ärger", "status__exact=failed&q=Brick")):
        SavedFilter.objects.create(person=stage.people["olga"], page="run", name=name, query=query)
