"""The cases of a drill: what the bank does to each, what is true then, and what is right to decide.

All comes from the seed: the same number stages the same drill.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass

from workflows_app.demo.bank.script import FOR_GOOD
from workflows_app.demo.invoices import BUNDLED, Invoice, InvoiceFile
from workflows_app.demo.workflows import CreatePayment, NotifySupplier
from workflows_app.models import OperatorAction

Operation = OperatorAction.Operation

#: As many searches fail as the host makes by itself. The next one is a person's.
_UNTIL_ASKED = int(CreatePayment.policy["reconcile_attempts"])


@dataclass(frozen=True)
class Kind:
    """One kind of case. `failures` are the bank's, one after the other; `right`: the decisions that are."""

    mutator: str
    failures: tuple[str, ...]
    happened: bool
    right: frozenset[Operation]
    truth: str
    search_fails: int = 0
    withdrawn: bool = False

    @property
    def is_payment(self) -> bool:
        return self.mutator == CreatePayment.name


def _payment(
    *failures: str, happened: bool, right: set[Operation], truth: str, search_fails: int = FOR_GOOD
) -> Kind:
    return Kind(CreatePayment.name, failures, happened, frozenset(right), truth, search_fails)


def _webhook(*failures: str, happened: bool, right: set[Operation], truth: str) -> Kind:
    return Kind(NotifySupplier.name, failures, happened, frozenset(right), truth)


PAID = _payment(
    "answer_lost",
    "silent_after",
    "unavailable_after",
    happened=True,
    right={Operation.IT_HAPPENED},
    truth="It was paid: the bank's list has it.",
)
UNPAID = _payment(
    "silent_before",
    "unavailable_before",
    happened=False,
    right={Operation.IT_DIDNT_HAPPEN},
    truth="It was not paid: the bank's list does not have it.",
)
PAID_AND_FOUND = _payment(
    "answer_lost",
    "unavailable_after",
    happened=True,
    right={Operation.TRY_AGAIN, Operation.IT_HAPPENED},
    truth="It was paid, and the bank's search can tell that again.",
    search_fails=_UNTIL_ASKED,
)
UNPAID_AND_FOUND = _payment(
    "silent_before",
    "unavailable_before",
    happened=False,
    right={Operation.TRY_AGAIN, Operation.IT_DIDNT_HAPPEN},
    truth="It was not paid, and the bank's search can tell that again.",
    search_fails=_UNTIL_ASKED,
)
ARRIVED = _webhook(
    "answer_lost",
    "unavailable_after",
    happened=True,
    right={Operation.IT_HAPPENED},
    truth="The news had arrived: it is in the supplier's list.",
)
NOT_ARRIVED = _webhook(
    "unavailable_before",
    "silent_before",
    happened=False,
    right={Operation.IT_DIDNT_HAPPEN},
    truth="The news had not arrived: it is not in the supplier's list.",
)
REJECTED = _webhook(
    "rejected",
    happened=False,
    right={Operation.SKIP_EVENT},
    truth="The supplier's webhook is closed, and takes no news ever again.",
)
WITHDRAWN = Kind(
    CreatePayment.name,
    ("silent_before",),
    happened=False,
    right=frozenset({Operation.SKIP_RUN}),
    truth="It was not paid, and the supplier had withdrawn the invoice.",
    search_fails=FOR_GOOD,
    withdrawn=True,
)

#: How many there are of each kind.
MIX = (
    (PAID, 4),
    (UNPAID, 4),
    (PAID_AND_FOUND, 2),
    (UNPAID_AND_FOUND, 2),
    (ARRIVED, 3),
    (NOT_ARRIVED, 3),
    (REJECTED, 1),
    (WITHDRAWN, 1),
)
#: So many invoices that were not paid have a twin that was: the same supplier and amount.
_WITH_TWIN = 2


@dataclass(frozen=True)
class Case:
    """One case. `twin`: another invoice in the bank's list that is easily taken for this one."""

    kind: Kind
    invoice: Invoice
    failure: str
    twin: Invoice | None = None


def cases_of(seed: int) -> list[Case]:
    """Return the cases of a drill, in the order in which their invoices come in. Each has its own supplier."""
    chance = random.Random(f"cases {seed}")
    bundled = [one for one in InvoiceFile.read(BUNDLED).lines.values() if isinstance(one, Invoice)]
    laid_out = [(kind, number) for kind, count in MIX for number in range(count)]
    suppliers = _suppliers({invoice.supplier for invoice in bundled}, len(laid_out), chance)
    # Even ones, so that the next number is free for a twin.
    numbers = chance.sample(range(4000, 9000, 2), len(laid_out))
    cases = []
    for (kind, place), supplier, number in zip(laid_out, suppliers, numbers, strict=True):
        model = chance.choice(bundled)
        invoice = Invoice(f"INV-{number}", "2026-09-01", model.amount, supplier)
        has_twin = kind is UNPAID and place < _WITH_TWIN
        twin = Invoice(f"INV-{number + 1}", "2026-09-01", model.amount, supplier)
        failure = kind.failures[place % len(kind.failures)]
        cases.append(Case(kind, invoice, failure, twin if has_twin else None))
    chance.shuffle(cases)
    return cases


def _suppliers(names: Iterable[str], count: int, chance: random.Random) -> list[str]:
    """Return so many new names, put together from these: each is a lane of its own."""
    firsts, lasts = zip(*(name.split(" ", 1) for name in sorted(names)), strict=True)
    return chance.sample([f"{first} {last}" for first in firsts for last in lasts], count)


def script_of(cases: Iterable[Case], *, seed: int, now: float) -> str:
    """Return the bank's script for `cases`, as `Script` reads it."""
    chance = random.Random(f"script {seed}")
    invoices, notices = {}, []

    def wrote(case: Case, text: str) -> None:
        supplier = case.invoice.supplier
        notices.append(
            {"at": now - chance.uniform(3600, 86400), "supplier": supplier, "text": text}
        )

    for case in cases:
        number, kind = case.invoice.number, case.kind
        effect = "payment" if kind.is_payment else "webhook"
        invoices[number] = {effect: case.failure, "search_fails": kind.search_fails}
        if kind.withdrawn:
            wrote(
                case, f"We withdraw invoice {number}: it was sent by mistake. Please do not pay it."
            )
        elif kind is REJECTED:
            wrote(
                case, "Our webhook is closed for good. Please send no more news of payments there."
            )
        elif chance.random() < 0.2:
            wrote(case, "Our office is closed on Friday. Payments are welcome as always.")
    return json.dumps({"invoices": invoices, "notices": notices})


def bank_history(cases: Iterable[Case], *, seed: int, now: float) -> list[dict[str, object]]:
    """Return the entries of the bank's records from before the drill: older invoices, and the twins."""
    chance = random.Random(f"history {seed}")
    older = []
    for case in cases:
        supplier = case.invoice.supplier
        for number in chance.sample(range(1000, 3999), 2):
            amount = f"{chance.randrange(5_000, 400_000) / 100:.2f}"
            older.append(Invoice(f"INV-{number}", "2026-08-01", amount, supplier))
        if case.twin is not None:
            older.append(case.twin)
    times = sorted(now - chance.uniform(7200, 20 * 86400) for _ in older)
    chance.shuffle(older)
    entries: list[dict[str, object]] = []
    for number, (invoice, at) in enumerate(zip(older, times, strict=True), start=1):
        told = {"invoice": invoice.number, "amount": invoice.amount, "supplier": invoice.supplier}
        key, other = (f"{chance.getrandbits(128):032x}" for _ in range(2))
        entries.append({"kind": "payment", "number": number, "key": key, **told, "at": at})
        news = {**told, "payment_number": number, "at": at + 2}
        entries.append({"kind": "webhook", "key": other, **news})
    return entries
