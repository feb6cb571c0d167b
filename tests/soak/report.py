"""The comparison of all ledgers at the end of the soak."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from typing import Any

from django.db import connection

from tests.crash.scenario import TOPIC
from tests.soak.bank import Bank
from tests.soak.outage import faults_in
from tests.soak.people import People
from tests.soak.workers import Crew
from workflows_app.doctor import CHECKS, Severity, examine
from workflows_app.models import Event, Mutation, Run


def report_of(
    options: Namespace,
    bank: Bank,
    people: People,
    crew: Crew,
    outage: dict[str, Any],
    left: list[str],
) -> dict[str, Any]:
    """Return what happened, and all faults. `outage`: what it did; `left`: what came to no end."""
    return {
        "minutes": options.minutes,
        "lanes": options.lanes,
        "seed": options.seed,
        **_counts(),
        "effects_made": len(bank.effects),
        "kills": crew.kills,
        "worker_megabytes": crew.megabytes,
        "connections": crew.connections,
        "decisions": dict(people.done.most_common()),
        "outage": outage,
        "faults": [*_disagreements(bank), *faults_in(outage), *left, *_violations()],
    }


def _disagreements(bank: Bank) -> list[str]:
    made = Counter(effect.invoice for effect in bank.effects)
    faults = [f"{invoice} was paid {n} times" for invoice, n in made.items() if n > 1]
    keys = {effect.key for effect in bank.effects}
    faults += [
        f"mutation {mutation.pk} is applied here, and not there"
        for mutation in Mutation.objects.filter(status="applied")
        if mutation.idempotency_key not in keys
    ]
    known = set(Mutation.objects.exclude(status="failed").values_list("idempotency_key", flat=True))
    faults += [
        f"{effect} is not in the ledger" for effect in bank.effects if effect.key not in known
    ]
    return faults


def _violations() -> list[str]:
    with connection.cursor() as cursor:
        # A server for tests may have no autovacuum: its plans would be those for empty tables.
        cursor.execute("ANALYZE")
    return [
        f"{finding.check.id}: {finding.found.subject} {finding.found.id} {finding.found.detail}"
        for finding in examine(CHECKS)
        if finding.check.severity == Severity.VIOLATION
    ]


def _counts() -> dict[str, Any]:
    events = Event.objects.filter(topic__name=TOPIC)
    return {
        "events": dict(Counter(events.values_list("status", flat=True))),
        "runs": dict(Counter(Run.objects.values_list("status", flat=True))),
        "ledger": dict(Counter(Mutation.objects.values_list("status", flat=True))),
        "failures": dict(
            Counter(
                f"{kind}, {phase}: {message[:200]}"
                for kind, phase, message in Run.objects.filter(status="failed").values_list(
                    "failure_kind", "failure_phase", "failure_message"
                )
            ).most_common(20)
        ),
    }
