"""The demo's workflow in this process: invoices come in, the host works, the bank keeps records."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import Group, User
from django.db.models import Q
from django.utils import timezone

from tests.demo.open_bank import OpenBank
from workflows_app.demo.invoices import InvoiceFile
from workflows_app.demo.person import Person
from workflows_app.demo.summary import Summary, summarise
from workflows_app.groups import OPERATORS
from workflows_app.models import Run
from workflows_app.testing import drain


class Office:
    """Where invoices come in. Its clock runs ahead, by minutes."""

    def __init__(self, bank: OpenBank, path: Path) -> None:
        self.bank = bank
        self.path = path
        self.now = timezone.now() + timedelta(minutes=1)

    def receives(self, *numbers: str, supplier: str = "ACME Ltd") -> None:
        """Add invoices of these numbers to the file."""
        with self.path.open("a") as file:
            for number in numbers:
                row = {"number": number, "amount": "12.50", "supplier": supplier}
                file.write(json.dumps(row) + "\n")

    def works(self, *, at_once: int = 1) -> None:
        """Let the host work until only a person can go on, however many minutes that takes."""
        drain(now=self.now, at_once=at_once)
        while Run.objects.filter(Q(status="reconciling") | Q(retry_due_at__isnull=False)).exists():
            self.now += timedelta(minutes=1)
            drain(now=self.now, at_once=at_once)
        self.now += timedelta(minutes=1)

    def run_of(self, title: str) -> Run:
        """Return the newest run of this title."""
        run = Run.objects.filter(title=title).order_by("pk").last()
        assert run is not None, list(Run.objects.values_list("title", flat=True))
        return run

    def summary(self) -> Summary:
        """Compare bank and ledger."""
        return summarise(InvoiceFile.read(self.path), self.bank.records)

    def person(self, *, may_operate: bool = True) -> Person:
        """Return the person who settles what blocks."""
        user = User.objects.create_user("petra", is_staff=True)
        if may_operate:
            user.groups.add(Group.objects.get(name=OPERATORS))
        return Person(user, self.bank.records)
