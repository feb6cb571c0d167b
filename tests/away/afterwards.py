"""What must hold when the database is back: nothing is lost or doubled, and the workers went on."""

from __future__ import annotations

import re
from collections import Counter

from tests.crash.outside import Outside
from tests.crash.scenario import TOPIC, Scenario
from tests.crash.workers import Worker
from tests.eventually import eventually
from workflows_app.doctor import CHECKS, Severity, examine
from workflows_app.models import Event, Mutation


def all_was_paid_once(scene: Scenario, invoices: list[str]) -> None:
    """Wait until all is done; compare with the outside system, to the last key."""
    expected = sorted((slug, invoice, "consumed") for slug in scene.slugs for invoice in invoices)
    events = Event.objects.filter(topic__name=TOPIC)
    told = ("topic__workflow__slug", "message_id", "status")
    eventually(lambda: sorted(events.values_list(*told)), expected, within_seconds=60)
    assert _paid(scene.outside) == {(slug, invoice): 1 for slug, invoice, _ in expected}
    applied = Mutation.objects.filter(status="applied").values_list("idempotency_key", flat=True)
    assert sorted(applied) == sorted(effect.key for effect in scene.outside.effects)
    assert violations() == []


def violations() -> list[str]:
    """Return what `doctor` finds that must never be."""
    return [
        f"{finding.check.id} {finding.found.subject} {finding.found.id}: {finding.found.detail}"
        for finding in examine(CHECKS)
        if finding.check.severity == Severity.VIOLATION
    ]


def went_on_calmly(*workers: Worker) -> None:
    """They live; their logs say once each time that the database was away, and show no traceback.

    One of them has noticed it: of a worker without work the queue replaces lost sessions unnoticed.
    """
    told = [_told_by(worker) for worker in workers]
    assert any(told), "nobody has noticed anything"


def _told_by(worker: Worker) -> list[str]:
    assert worker.is_running
    log = worker.log.read_text()
    assert "Traceback" not in log
    said = re.findall(r"database\.(away|back)", log)
    assert said == (["away", "back"] * len(said))[: len(said)]
    return said


def _paid(outside: Outside) -> dict[tuple[str, str], int]:
    return dict(Counter((effect.account, effect.invoice) for effect in outside.effects))
