"""Whether bank and ledger agree, to the last payment (P1, P2, P3).

The bank's own records are the truth about what happened; they are held against ours, by idempotency
key and by invoice. A disagreement is never explained away here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db.models import Count, QuerySet

from workflows_app.demo.bank.ledger import read_entries
from workflows_app.demo.invoices import BrokenInvoice, InvoiceFile
from workflows_app.demo.workflows import CreatePayment, Invoices, NotifySupplier
from workflows_app.models import Event, Handler, Mutation, Run

_SETTLED = (Mutation.Status.APPLIED, Mutation.Status.SKIPPED)
_WAITING = (Event.Status.PENDING, Event.Status.RESERVED)
_BROKEN_SHOWN = 10


@dataclass
class Summary:
    """What is where. `disagreements` is empty if bank and ledger agree, `open` if all is settled."""

    lines: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)


def is_settled(file: InvoiceFile) -> bool:
    """Tell whether all invoices are read, and no event, run or retry is left to be done."""
    if _runs().filter(status__in=Run.OPEN).exists() or _waiting().exists():
        return False
    if _read_to() < file.last_line:
        return False
    return not _runs().filter(owes_retry=True).exists()


def progress() -> str:
    """Return how far the work is, in a sentence."""
    applied = dict(
        _mutations()
        .filter(status=Mutation.Status.APPLIED)
        .values_list("mutator")
        .annotate(count=Count("pk"))
    )
    paid, told = applied.get(CreatePayment.name, 0), applied.get(NotifySupplier.name, 0)
    return f"paid: {paid}, suppliers told: {told}"


def summarise(file: InvoiceFile, bank_ledger: Path) -> Summary:
    """Compare the file of invoices, our events and ledger, and the bank's own records."""
    summary = Summary()
    _tell_file(summary, file)
    entries = read_entries(bank_ledger)
    for topic, kind, mutator in (
        ("invoice.received", "payment", CreatePayment.name),
        ("invoice.paid", "webhook", NotifySupplier.name),
    ):
        here = list(_mutations().filter(mutator=mutator).select_related("run").order_by("pk"))
        there = [entry for entry in entries if entry["kind"] == kind]
        _tell_effects(summary, kind, here, there)
        _compare_effects(summary, kind, here, there)
        _compare_events(summary, topic, kind, here)
    _compare_what_follows(summary, file)
    _tell_open(summary)
    return summary


def _runs() -> QuerySet[Run]:
    return Run.objects.filter(workflow__slug=Invoices.slug)


def _mutations() -> QuerySet[Mutation]:
    return Mutation.objects.filter(run__workflow__slug=Invoices.slug)


def _events(topic: str) -> QuerySet[Event]:
    return Event.objects.filter(topic__workflow__slug=Invoices.slug, topic__name=topic)


def _waiting() -> QuerySet[Event]:
    return Event.objects.filter(
        topic__workflow__slug=Invoices.slug, topic__consumer__isnull=False, status__in=_WAITING
    )


def _read_to() -> int:
    """Return the line up to which the producer has read."""
    producer = Handler.objects.filter(
        workflow__slug=Invoices.slug, kind=Handler.Kind.PRODUCER
    ).first()
    state = None if producer is None else producer.state
    return int((state or {}).get("read_to", 0))


def _counted(words: Iterable[str]) -> str:
    counts = sorted(Counter(words).items())
    return ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts) or "none"


def _tell_file(summary: Summary, file: InvoiceFile) -> None:
    broken = file.broken
    told = f"{len(file.invoices)} to pay"
    if broken:
        told += f", and {len(broken)} that can't be paid:"
    summary.lines.append(f"Invoices:  {told}")
    shown = list(broken.items())[:_BROKEN_SHOWN]
    summary.lines += [f"           line {line}: {problem}" for line, problem in shown]
    if len(broken) > len(shown):
        summary.lines.append(f"           and {len(broken) - len(shown)} more")


def _tell_effects(
    summary: Summary, kind: str, here: list[Mutation], there: list[dict[str, Any]]
) -> None:
    told = f"{len(there)} at the bank"
    if kind == "payment":
        told += f", {sum(Decimal(entry['amount']) for entry in there):,} in all"
    label = f"{kind.title()}s:".ljust(11)
    statuses = _counted(
        "rejected" if _is_handled_rejection(mutation) else mutation.status for mutation in here
    )
    summary.lines.append(f"{label}{told}; in the ledger: {statuses}")


def _compare_effects(
    summary: Summary, kind: str, here: list[Mutation], there: list[dict[str, Any]]
) -> None:
    """Hold every effect at the bank against the ledger, by idempotency key."""
    say = summary.disagreements.append
    for invoice, count in Counter(entry["invoice"] for entry in there).items():
        if count > 1:
            say(f"the {kind} of invoice {invoice} happened {count} times")
    at_bank = {entry["key"]: entry for entry in there}
    in_ledger: dict[str, list[Mutation]] = {}
    for mutation in here:
        in_ledger.setdefault(mutation.idempotency_key, []).append(mutation)
        invoice = mutation.params["invoice"]
        if mutation.status == Mutation.Status.APPLIED:
            entry = at_bank.get(mutation.idempotency_key)
            if entry is None:
                say(f"the {kind} of invoice {invoice} is applied here, and not at the bank")
            elif differing := _differing(mutation.params, entry):
                say(f"the {kind} of invoice {invoice} differs: {differing}")
    for key, entry in at_bank.items():
        statuses = {mutation.status for mutation in in_ledger.get(key, [])}
        if statuses <= {Mutation.Status.FAILED.value}:
            known = "failed" if statuses else "unknown"
            say(f"the {kind} of invoice {entry['invoice']} is at the bank, and here it is {known}")


def _is_handled_rejection(mutation: Mutation) -> bool:
    """Tell whether the run went on with a sure no: any other one leaves it where its call was."""
    is_no = bool(mutation.status == Mutation.Status.FAILED)
    return is_no and mutation.run.phase != Run.Phase.MUTATING


def _differing(params: dict[str, Any], entry: dict[str, Any]) -> str:
    return "; ".join(
        f"{name} {value} here, {entry.get(name)} at the bank"
        for name, value in params.items()
        if entry.get(name) != value
    )


def _compare_events(summary: Summary, topic: str, kind: str, here: list[Mutation]) -> None:
    """Hold every consumed event against the effect, or the sure no, that it was consumed for."""
    rows = list(_events(topic).order_by("pk").values_list("message_id", "status"))
    summary.lines.append(f"Events:    {topic}: {_counted(status for _, status in rows)}")
    settled = {
        mutation.params["invoice"]
        for mutation in here
        if mutation.status in _SETTLED or _is_handled_rejection(mutation)
    }
    for message_id, status in rows:
        if status == Event.Status.CONSUMED and message_id not in settled:
            summary.disagreements.append(
                f"invoice {message_id} is consumed in {topic} without a {kind}"
            )


def _compare_what_follows(summary: Summary, file: InvoiceFile) -> None:
    """Hold invoices against events, and committed payments against the events that follow."""
    received = set(_events("invoice.received").values_list("message_id", flat=True))
    read_to = _read_to()
    unread = 0
    for line, item in file.lines.items():
        if isinstance(item, BrokenInvoice) or item.number in received:
            continue
        if line > read_to:
            unread += 1
        else:
            summary.disagreements.append(f"invoice {item.number} was lost: it has no event")
    if unread:
        summary.open.append(f"invoices: {unread} not read yet")
    followed = set(_events("invoice.paid").values_list("message_id", flat=True))
    consumed = set(
        _events("invoice.received")
        .filter(status=Event.Status.CONSUMED)
        .values_list("message_id", flat=True)
    )
    paid = _mutations().filter(mutator=CreatePayment.name, status=Mutation.Status.APPLIED)
    for params in paid.order_by("pk").values_list("params", flat=True):
        if params["invoice"] in consumed - followed:
            summary.disagreements.append(
                f"invoice {params['invoice']} is paid, and no event says so"
            )


def _tell_open(summary: Summary) -> None:
    open_runs = _runs().filter(status__in=Run.OPEN).order_by("pk")
    summary.open += [f"run {run.pk}, {run}: {run.status}" for run in open_runs]
    owed = _runs().filter(owes_retry=True).order_by("pk")
    summary.open += [f"run {run.pk}, {run}: {run.status}, owes a retry" for run in owed]
    waiting = _counted(_waiting().values_list("status", flat=True))
    if waiting != "none":
        summary.open.append(f"events: {waiting}")
    unknown = _mutations().filter(status__in=Mutation.UNKNOWN).exclude(run__status__in=Run.OPEN)
    summary.disagreements += [
        f"the unknown outcome of {mutation} is not visible anywhere"
        for mutation in unknown.order_by("pk")
    ]
