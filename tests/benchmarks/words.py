"""What finding costs those who publish: events per second with the words of events and inputs, and without.

    DATABASE_URL=postgres://... DEBUG=1 python -m tests.benchmarks.words --events 20000 --batch 500

Alternates with and without, each time in a schema state of its own: triggers off and the index of inputs
dropped, then on again. It leaves the events there: use a database for that purpose alone.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import django

WITHOUT = [
    "ALTER TABLE workflows_app_event DISABLE TRIGGER {trigger}",
    "DROP INDEX IF EXISTS input_words",
]
WITH = [
    "ALTER TABLE workflows_app_event ENABLE TRIGGER {trigger}",
    "CREATE INDEX IF NOT EXISTS input_words ON workflows_app_input USING gin "
    "(workflows_words((title || ' ' || external_id)))",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="in each round")
    parser.add_argument("--batch", type=int, default=500, help="events in a transaction")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    django.setup()
    rates: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(options.rounds):
        for name, statements in (("without", WITHOUT), ("with", WITH)):
            _run(statements)
            rates[name].append(_rate(options.events, options.batch))
            sys.stdout.write(f"{name:8} {rates[name][-1]:8,.0f} events/s\n")
    medians = {name: statistics.median(values) for name, values in rates.items()}
    slower = 1 - medians["with"] / medians["without"]
    sys.stdout.write(
        f"median   {medians['without']:,.0f} without, {medians['with']:,.0f} with: {slower:.0%} less\n"
    )


def _run(statements: list[str]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'pgtrigger_words_of_new%'")
        (trigger,) = cursor.fetchone()
        for statement in statements:
            cursor.execute(statement.format(trigger=trigger))


def _rate(number: int, size: int) -> float:
    from workflows_app.demo.workflows import Invoices
    from workflows_app.engine.versions import sync
    from workflows_app.publishing import publish_many

    sync(Invoices)
    events = _events(number)
    began = time.perf_counter()
    while batch := list(itertools.islice(events, size)):
        publish_many(workflow=Invoices.slug, topic="invoice.received", events=batch)
    return number / (time.perf_counter() - began)


def _events(number: int) -> Iterator[tuple[str, Any]]:
    run = uuid.uuid4().hex[:6]
    for at in range(number):
        invoice = f"INV-{run}-{at:06}"
        yield (
            invoice,
            {
                "invoice": invoice,
                "supplier": f"Müller & Söhne {at % 500}",
                "amount": f"{at * 37 % 100_000 / 100:.2f}",
                "currency": "EUR",
                "due": f"2026-{at % 12 + 1:02}-{at % 28 + 1:02}",
                "lines": [{"text": f"Service {at % 100}", "quantity": at % 9}],
            },
        )


if __name__ == "__main__":
    main()
