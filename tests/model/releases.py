"""Versions: which release must be refused, and what a release may change (P6)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.model.rows import OPEN, Rows
from tests.model.shop import CANT_ASK, FULL, ONE_LANE, PAID, TELLS_NOBODY
from workflows_app.engine.versions import sync
from workflows_app.errors import SyncRefused
from workflows_app.sdk import Workflow

Pair = tuple[int, int]

EDITIONS = (FULL, CANT_ASK, TELLS_NOBODY, ONE_LANE)
STEPS = ("repair", "re-plan", "repair", "back", "same")


@dataclass
class Releases:
    """What was ever released, and what is active."""

    active: Pair = (1, 0)
    known: dict[Pair, str] = field(default_factory=lambda: {(1, 0): FULL})

    @property
    def edition(self) -> str:
        return self.known[self.active]

    def after(self, step: str) -> Pair:
        """Return the version that this step leads to from the active one."""
        major, minor = self.active
        steps = {"repair": (major, minor + 1), "re-plan": (major + 1, 0), "same": self.active}
        return steps.get(step) or max((p for p in self.known if p < self.active), default=(0, 9))

    def next_free(self) -> Pair:
        """Return a version above all that are known."""
        return (max(self.known)[0] + 1, 0)

    def must_be_refused_as(
        self, pair: Pair, edition: str, rows: Rows, *, rollback: bool, accept_orphans: bool
    ) -> str | None:
        """Return the refusal code that the design demands, or None if it becomes active."""
        other_code = self.known.get(pair, edition) != edition
        if pair == self.active:
            return "same_version_other_code" if other_code else None
        if pair < self.active and not rollback:
            return "lower_version"
        if not accept_orphans and edition == TELLS_NOBODY and _leaves_orphans(rows):
            return "orphans"
        return "same_version_other_code" if other_code else None

    def release(
        self,
        code: type[Workflow],
        edition: str,
        before: Rows,
        *,
        rollback: bool = False,
        accept_orphans: bool = False,
    ) -> bool:
        """Sync `code` and check what came of it. Returns whether it is active now."""
        pair = code.version_pair()
        expected = self.must_be_refused_as(
            pair, edition, before, rollback=rollback, accept_orphans=accept_orphans
        )
        note = "as it was" if rollback else ""
        if expected is not None:
            with pytest.raises(SyncRefused) as refusal:
                sync(code, note=note, rollback=rollback, accept_orphans=accept_orphans)
            assert refusal.value.code == expected
            assert Rows.now(before).tables == before.tables, (
                "P6: a refused version changed something"
            )
            return False
        sync(code, note=note, rollback=rollback, accept_orphans=accept_orphans)
        self.known[pair] = edition
        self._check(before, Rows.now(before), edition, changed=pair != self.active)
        self.active = pair
        return True

    def _check(self, before: Rows, after: Rows, edition: str, *, changed: bool) -> None:
        for table in ("Mutation", "Reservation", "Evidence", "OperatorAction", "Breaker"):
            assert after[table] == before[table], f"P6: a version changed {table}"
        for pk, event in after["Event"].items():
            # What is pending may be in another lane under the new code.
            lane = event["lane"] if before["Event"][pk]["status"] == "pending" else None
            was = before["Event"][pk] | ({"lane": lane} if lane is not None else {})
            assert event == was, "P6: a version changed an event"
        for pk, run in after["Run"].items():
            kept = {**run, "owes_retry": None, "retry_due_at": None}
            was = {**before["Run"][pk], "owes_retry": None, "retry_due_at": None}
            assert kept == was, "P6: a version changed a run"
        for owing in after.owing_runs if changed else []:
            if _has_handler(after, owing["handler_id"], edition):
                assert owing["retry_due_at"] is not None, "P6: new code retries what failed"


def _leaves_orphans(rows: Rows) -> bool:
    """Tell whether something would have nobody to go on with it if customers were not told."""
    (topic,) = rows.find("Topic", name=PAID)
    waiting = topic["consumer_id"] is not None and bool(
        rows.find("Event", topic_id=topic["id"], status="pending")
    )
    unfinished = [r for r in rows["Run"].values() if r["status"] in OPEN or r["owes_retry"]]
    return waiting or any(
        not _has_handler(rows, run["handler_id"], TELLS_NOBODY) for run in unfinished
    )


def _has_handler(rows: Rows, handler: int, edition: str) -> bool:
    return edition != TELLS_NOBODY or rows["Handler"][handler]["name"] != "TellCustomer"
