"""What a crash test sees and does: workflows, their workers, and what the ledger says of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from django.db import connection

from tests.concurrency import gates
from tests.crash.outside import Outside
from tests.crash.payments import payments
from tests.crash.workers import Worker
from tests.eventually import eventually
from tests.jobs import let_heartbeats_be_old
from tests.rivals import workflows_held
from workflows_app.models import Event, Run, Workflow
from workflows_app.publishing import publish
from workflows_app.testing import registered
from workflows_app.waking import SESSION_NAME

TOPIC = "invoice.received"
#: What a worker is about to write, and the point outside that it has passed before.
WRITTEN_AFTER = {"checkpoint": "mutate", "outcome": "after", "commit": "next"}


class Scenario:
    """Synced workflows with invoice 42 each, and workers. Ends all workers when it ends."""

    def __init__(
        self, outside: Outside, directory: Path, slugs: list[str], policy: dict[str, Any]
    ) -> None:
        self.outside = outside
        self.slugs = slugs
        self.policy = policy
        self._directory = directory
        self._workers: list[Worker] = []
        self._stack = ExitStack()

    def __enter__(self) -> Scenario:
        self._stack.enter_context(registered(*(payments(slug) for slug in self.slugs)))
        for slug in self.slugs:
            self.publish(slug, "42")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, worker in enumerate(self._workers, start=1):
            # Shown if the test fails.
            print(f"--- worker {number}\n{worker.close()}")  # noqa: T201
        self._stack.close()

    def publish(self, slug: str, message_id: str, *, lane: str = "") -> Event:
        payload = {"account": slug, "lane": lane}
        return publish(workflow=slug, topic=TOPIC, message_id=message_id, payload=payload)

    def start_worker(self, *, checks: bool = False) -> Worker:
        """Start a worker. If those before it have ended, that is so long ago that it need not wait for it."""
        if self._workers and not any(worker.is_running for worker in self._workers):
            let_heartbeats_be_old()
        log = self._directory / f"worker-{len(self._workers) + 1}.log"
        address = self.outside.address
        worker = Worker(log, slugs=self.slugs, address=address, checks=checks, **self.policy)
        self._workers.append(worker)
        return worker

    @contextmanager
    def standing(self, points: dict[str, str]) -> Iterator[Worker]:
        """A worker that stands at the given point of each workflow; the block kills it.

        What it has sent and the outside system has not begun is forgotten there. What it is about to
        write it can't: somebody else has the workflow's lock.
        """
        before = {slug: self._before(slug, point) for slug, point in points.items()}
        locked = [slug for slug, point in points.items() if point in WRITTEN_AFTER]
        rows = Workflow.objects.filter(slug__in=locked).values_list("pk", flat=True)
        self.outside.hold(*before.values())
        worker = self.start_worker()
        self.outside.wait_for(*before.values())
        with workflows_held(*rows):
            passed = [before[slug] for slug in locked]
            self.outside.release(*passed)
            self.outside.wait_for(*passed, standing=0)
            yield worker
        assert not worker.is_running
        self.outside.drop(*(before[slug] for slug in points if slug not in locked))

    @contextmanager
    def committing(self, slug: str, point: str) -> Iterator[Worker]:
        """A worker whose write the server is committing, and will have committed after the block.

        The block kills it: the server has all of it, and does not know that nobody waits for it.
        """
        before = self._before(slug, point)
        self.outside.hold(before)
        worker = self.start_worker()
        self.outside.wait_for(before)
        with runs_held_at_commit():
            self.outside.release(before)
            eventually(sessions_at_the_gate, 1)
            yield worker
        assert not worker.is_running

    def _before(self, slug: str, point: str) -> str:
        return f"{slug}/{WRITTEN_AFTER.get(point, point)}"

    def last_run(self, slug: str) -> Run:
        return Run.objects.select_related("mutation").filter(workflow__slug=slug).latest("pk")

    def told(self, slug: str) -> str:
        """Return on one line what the ledger and the outside system say of the workflow.

        Its runs in order, each with its mutation; its events; and the invoices really paid.
        """
        runs = Run.objects.filter(workflow__slug=slug).select_related("mutation").order_by("pk")
        events = Event.objects.filter(topic__workflow__slug=slug, topic__name=TOPIC).order_by("pk")
        paid = " ".join(effect.invoice for effect in self.outside.paid(slug)) or "nothing"
        told = [_told(run) for run in runs]
        told += [f"{event.message_id} {event.status}" for event in events]
        return "; ".join([*told, f"paid {paid}"])

    def all_told(self) -> dict[str, str]:
        return {slug: self.told(slug) for slug in self.slugs}


@contextmanager
def runs_held_at_commit() -> Iterator[None]:
    """Let no worker commit what it writes of a run during the block."""
    gates.build(Run._meta.db_table)
    try:
        # Workers have no name that a gate knows: it is the one of those without.
        with gates.closed(""):
            yield
    finally:
        gates.remove()


def sessions_at_the_gate() -> int:
    """Return how many workers wait at a gate that is closed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = %s AND wait_event = 'advisory'",
            [SESSION_NAME],
        )
        return int(cursor.fetchone()[0])


def _told(run: Run) -> str:
    mutation = getattr(run, "mutation", None)
    called = f" ({mutation.status})" if mutation else ""
    return f"{run.status} {run.phase}{called}"


def history_of(row: Any) -> list[str]:
    """Return the states that `row` went through, with why, and who if it was a person."""
    return [
        f"{then.status}: {then.history_change_reason}"
        + (f" ({then.history_user})" if then.history_user else "")
        for then in row.history.order_by("history_id")
    ]


def evidence_of(run: Run) -> list[str]:
    """Return what the calls of the run's mutation told, in order."""
    return [
        f"{told.kind} {told.attempt} {told.verdict}: {told.detail}"
        + (" (contradicts)" if told.contradicts else "")
        for told in run.mutation.evidence.order_by("pk")
    ]
