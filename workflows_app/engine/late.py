"""Answers that come too late to change anything: kept as evidence, and flagged if they contradict (P3)."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connections, transaction

from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.engine.answers import Finding, Verdict
from workflows_app.engine.claims import NAMED, lock_workflow, setting
from workflows_app.engine.holding import Hand
from workflows_app.engine.log import log
from workflows_app.engine.outages import HELD_UP, retry_through_outage
from workflows_app.engine.outcomes import as_proof, record_evidence
from workflows_app.models import Evidence, Mutation
from workflows_app.models.clocks import database_now
from workflows_app.models.saving import storable
from workflows_app.sdk.deadlines import machine_seconds

#: By workflow, so that one that is locked holds up no other. In a line, since each answer takes a connection, and an
#: outage may end with hundreds of them.
_lines: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)


def record_late(mutation: Mutation, finding: Finding) -> None:
    """Keep a finding that can't change the state any more; flag it if it contradicts. Commits."""
    # Nobody else knows it: it is kept, too, while somebody has the workflow locked for long.
    with _lines[mutation.run.workflow_id]:
        retry_through_outage(
            lambda is_again: _write_late(mutation, finding, is_again=is_again),
            within_seconds=policy().answer_kept_seconds,
            also=HELD_UP,
        )


def record_aside(mutation: Mutation, finding: Finding) -> None:
    """Do as `record_late`, in a thread of its own: a workflow that is locked holds up no other.

    The end of the process waits for it.
    """

    def record() -> None:
        try:
            record_late(mutation, finding)
        except Exception:
            _tell_lost("mutation.late_answer_lost", mutation, finding)
            raise
        finally:
            connections.close_all()

    threading.Thread(target=record, name="workflows-late", daemon=False).start()


def record_if_answer(hand: Hand, what: object, record: Callable[[Mutation, Finding], None]) -> None:
    """Have what came back of a run that is in other hands by now recorded, if it is an answer."""
    finding: Finding | None = getattr(what, "finding", None)
    if finding is not None:
        record(hand.run.mutation, finding)


def database_time(at: float) -> datetime:
    """Return when it was `at` by `machine_seconds`, on the database's clock: never too late. One query."""
    return database_now() - timedelta(seconds=machine_seconds() - at)


def _write_late(called: Mutation, finding: Finding, *, is_again: bool) -> None:
    # By its key too: the number of a row that is gone is given again.
    same = Mutation.objects.filter(pk=called.pk, idempotency_key=called.idempotency_key)
    workflow_pk = same.values_list("run__workflow_id", flat=True).first()
    if workflow_pk is None:
        # A server took over that never had the last transactions, or an old backup was restored.
        _tell_lost("mutation.forgotten", called, finding)
        return
    with transaction.atomic(durable=True):
        setting(NAMED).execute()
        lock_workflow(workflow_pk)
        mutation = same.select_related("run__workflow").get()
        finding = _as_proof(mutation, finding)
        contradicts = contradicts_ledger(finding.verdict, mutation.status)
        if not (is_again and _is_kept(mutation, finding)):
            record_evidence(mutation, Evidence.Kind.LATE, finding, contradicts=contradicts)
    level = logging.ERROR if contradicts else logging.WARNING
    facts = {"said": finding.verdict.value, "ledger": mutation.status}
    name = "mutation.contradicted" if contradicts else "mutation.late_answer"
    log(name, mutation.run, level=level, mutation=mutation.pk, **facts)


def _tell_lost(name: str, called: Mutation, finding: Finding) -> None:
    facts = {"mutator": called.mutator, "key": called.idempotency_key, "said": finding.verdict}
    log(name, called.run, level=logging.ERROR, **facts)


def _as_proof(mutation: Mutation, finding: Finding) -> Finding:
    """Return what a late answer proves."""
    mutator = registry.mutator(mutation.run.workflow.slug, mutation.mutator)
    if not finding.is_of_question or mutator is None or mutation.ended_at is None:
        return finding
    return as_proof(mutation, mutator, finding, asked_at=database_time(finding.began))


def _is_kept(mutation: Mutation, finding: Finding) -> bool:
    """Tell whether only the answer that it is committed was lost."""
    told = {"verdict": finding.verdict.value, "detail": storable(finding.told)}
    late = mutation.evidence.filter(kind=Evidence.Kind.LATE, duration_ms=finding.duration_ms)
    return late.filter(**told).exists()


def contradicts_ledger(verdict: Verdict, status: str) -> bool:
    """Tell whether an answer says the opposite of what the ledger holds as settled."""
    said_no = verdict == Verdict.NOT_APPLIED and status == Mutation.Status.APPLIED
    said_yes = verdict == Verdict.APPLIED and status == Mutation.Status.FAILED
    return said_no or said_yes
