"""A worker of the naive contender: one run after the other, two commits each."""

from __future__ import annotations

import os
import time
import uuid

import django
from django.db import transaction

django.setup()

from tests.benchmarks.calls import make_effects  # noqa: E402
from tests.benchmarks.naive.models import (  # noqa: E402
    NaiveEvent,
    NaiveEvidence,
    NaiveMutation,
    NaiveReservation,
    NaiveRun,
)

A_RUN = int(os.environ.get("BENCH_EVENTS_A_RUN", "1"))


def work() -> bool:
    """Handle the oldest pending events as one run. Return False if there are none."""
    with transaction.atomic():
        pending = NaiveEvent.objects.filter(status="pending").order_by("id")
        events = list(pending.select_for_update(skip_locked=True)[:A_RUN])
        if not events:
            return False
        names = [event.message_id for event in events]
        run = NaiveRun.objects.create(
            workflow=events[0].workflow, phase="preparing", status="active"
        )
        for event in events:
            event.status, event.reserved_by = "reserved", run
            event.save()
            NaiveReservation.objects.create(run=run, event=event)
        run.phase, run.prepare_result = "mutating", {"names": names}
        run.save()
        mutation = NaiveMutation.objects.create(
            run=run,
            params={"names": names},
            idempotency_key=uuid.uuid4().hex,
            status="in_flight",
        )
    result = make_effects(names)
    with transaction.atomic():
        NaiveEvidence.objects.create(mutation=mutation, kind="execute", verdict="applied")
        mutation.status, mutation.result = "applied", result
        mutation.save()
        run.phase = "mutated"
        run.save()
        for event in events:
            event.status, event.reserved_by = "consumed", None
            event.save()
        run.phase = run.status = "committed"
        run.save()
    return True


while True:
    if not work():
        time.sleep(0.1)
