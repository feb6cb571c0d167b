"""`python -m tests.benchmarks.ours.publish RATE EVENTS`: publishing as application code does."""

from __future__ import annotations

import sys

import django
from django.db import transaction

django.setup()

from tests.benchmarks.ours.workflows import WORKFLOWS  # noqa: E402
from tests.benchmarks.workers.publishing import evenly  # noqa: E402
from workflows_app.publishing import publish  # noqa: E402

for name, committed in evenly(float(sys.argv[1]), int(sys.argv[2])):
    with transaction.atomic():
        # Called right after the commit, before the host is woken.
        transaction.on_commit(committed)
        publish(
            workflow=WORKFLOWS[int(name) % len(WORKFLOWS)].slug,
            topic="work",
            message_id=name,
            payload={"text": "x"},
        )
