"""One story: the shop, the bank, the people and the host, on a database of their own.

Each method is one thing that happens, and checks what belongs to that thing alone; `check` checks
what must hold after anything. The host is the engine itself, on a clock that only a story moves.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models.functions import Now

from tests.model import promises, records
from tests.model.bank import Bank, Sending
from tests.model.database import GOES_AWAY, Database, Fault
from tests.model.people import Press
from tests.model.promises import Mistakes
from tests.model.releases import Pair, Releases
from tests.model.rows import Row, Rows
from tests.model.shop import CANT_ASK, ORDERED, SLUG, Shop, workflow
from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.dispatch import due_workflows
from workflows_app.engine.advancing import advance
from workflows_app.engine.answers import read_execute
from workflows_app.engine.jobs import Answer
from workflows_app.engine.late import record_late
from workflows_app.errors import OperationRefused
from workflows_app.models import Event, Lease, Mutation
from workflows_app.publishing import publish, register_input
from workflows_app.testing import SimulatedCrash

#: Far ahead, so that what people make due now is due.
BEGINNING = datetime(2100, 1, 1, 9, tzinfo=UTC)


class World:
    """Where a story happens."""

    def __init__(self) -> None:
        self.database = Database()
        self.now = BEGINNING
        self.bank = Bank(lambda: self.now, lambda: self.database.commits)
        self.shop = Shop(self.bank, self._meanwhile)
        self.releases = Releases()
        self.mistakes = Mistakes()
        #: How often something was sent before the newest pause, if that came in the newest step of the host.
        self.sent_before_pause: int | None = None
        self._code = ExitStack()
        self._deploy(workflow(self.shop, "1.0"))
        #: How it is, as of the last look, and how it was when the promises were last checked.
        self.rows = self._checked = Rows.now()

    def end(self) -> None:
        self._code.close()
        self.database.roll_back()

    def _deploy(self, code: Any) -> None:
        self._code.enter_context(registry.override(code))

    # What happens outside of the host

    def publish(self, number: str, amount: int, letter: str | None) -> None:
        name = f"{ORDERED}/{number}"
        known = Event.objects.filter(topic__name=ORDERED, message_id=number).first()
        cause = None
        if letter is not None:
            cause = register_input(workflow=SLUG, source="post", type="letter", external_id=letter)
        event = publish(
            workflow=SLUG, topic=ORDERED, message_id=number, payload=amount, input=cause
        )
        if known is None or known.status == "pending":
            self.bank.orders[name] = amount
        assert event.payload == self.bank.orders[name], "P2: publishing again changed what is taken"
        assert event.status == (known.status if known else "pending"), (
            "P2: publishing moved an event"
        )
        if cause is not None:
            assert event.inputs.filter(pk=cause.pk).exists(), "P5: a cause was not added"

    def press_in_vain(self, press: Press) -> None:
        """The database fails at the decision's commit: nothing of it is there."""
        self.rows = before = Rows.now(self.rows)
        with suppress(OperationRefused, DatabaseError), self.database.with_fault((GOES_AWAY, 0)):
            press.carry_out()
        assert Rows.now(before).tables == before.tables, "P4: half a decision was kept"

    def press(self, press: Press) -> None:
        if press.operation == "it_happened":
            press = replace(press, result=self.bank.result_of(press.target["idempotency_key"]))
            if press.result is None:
                # Nobody says of what is not there how it went.
                return
        self.rows = before = Rows.now(self.rows)
        key = (
            before["Run"][press.target["id"]]["idempotency_key"] if "phase" in press.target else ""
        )
        can_ask = self.releases.edition != CANT_ASK and not self._is_about_telling(press.target)
        self.rows = after = press.carry_out_and_check(before, can_ask=can_ask)
        if not list(after.new("OperatorAction", before)):
            return
        if press.operation == "it_happened":
            for sending in self.bank.unknown(key):
                sending.known = "applied"
        if press.operation == "it_didnt_happen":
            for sending in self.bank.unknown(key):
                sending.known = "asserted"
                if self.bank.happened(key):
                    self.mistakes.made.append((key, sending.events))

    def _is_about_telling(self, run: Row) -> bool:
        handler = self.rows["Handler"].get(run.get("handler_id"))
        return handler is not None and handler["name"] == "TellCustomer"

    def release(self, pair: Pair, edition: str, **options: bool) -> None:
        code = workflow(self.shop, f"{pair[0]}.{pair[1]}", edition)
        with registry.override(code):
            self.rows = Rows.now(self.rows)
            if pair != self.releases.active:
                assert self._work() == 0, "P6: code of another version was run"
                self.rows = Rows.now(self.rows)
            active = self.releases.active
            is_active = self.releases.release(code, edition, self.rows, **options)
        if is_active:
            self._deploy(code)
        if is_active and pair != active:
            # New code is to look at all that is there.
            self.shop.looked.clear()

    def lost_answers(self) -> list[Sending]:
        """Return the calls whose answers may still come, the newest first."""
        lost = [s for s in self.bank.sendings if s.play.startswith("answer lost")]
        return [s for s in reversed(lost) if s.mutation is not None and not s.arrived_late]

    def answer_arrives(self, sending: Sending) -> None:
        """An answer comes when the host has long gone on: it is kept, and changes nothing."""
        (effect,) = [e for e in self.bank.effects if e.key == sending.key][:1]
        sending.arrived_late = True
        before, pk = Rows.now(self.rows), sending.mutation
        assert pk is not None
        called = Mutation.objects.get(pk=pk)
        record_late(called, read_execute(Answer(value=effect.result), policy()))
        after = Rows.now(self.rows)
        (evidence,) = after.new("Evidence", before)
        contradicts = before["Mutation"][pk]["status"] == "failed"
        kept = evidence["kind"], evidence["verdict"], evidence["contradicts"]
        assert kept == ("late", "applied", contradicts), "P3: a late answer is not kept as it was"
        others = {table: rows for table, rows in after.tables.items() if table != "Evidence"}
        assert others == {t: rows for t, rows in before.tables.items() if t != "Evidence"}, (
            "P3: a late answer changed something"
        )

    # The host

    def host_works(self, fault: Fault | None = None) -> int:
        """Let the host work until nothing is due now, or a worker dies. Returns its steps."""
        self.rows = before = Rows.now(self.rows)
        sent, asked, shop = len(self.bank.sendings), self.bank.asked, self.shop
        shop.began, shop.told, self.sent_before_pause = [], [], None
        is_seen = self._is_due() or before["Lease"][before.workflow["id"]]["holder"]
        is_calm = fault is None and not any("overtaken" in trouble for trouble in shop.troubles)
        steps = None
        try:
            with self.database.with_fault(fault):
                steps = self._work()
        except (SimulatedCrash, DatabaseError) as end:
            if self.database.failed_at is not None:
                self.bank.forget_newest_answer(self.database.failed_at)
            elif isinstance(end, DatabaseError):
                raise
        self._let_claim_end()
        self.rows = after = Rows.now(self.rows)
        self._note_mutations(after)
        promises.nothing_starts_while_held(
            before, after, len(self.bank.sendings) - sent, shop.began
        )
        assert self.sent_before_pause in (None, len(self.bank.sendings)), (
            "Pause: something was sent after it"
        )
        promises.an_open_breaker_lets_nothing_out(before, after, self.now)
        assert is_seen or not steps, "P2: work was due, but no sweep would have found it"
        if is_calm:
            committed = [r for r in after["Run"].values() if self._committed_now(r, before)]
            consumers = [r for r in committed if not self._is_producer(r)]
            assert len(shop.told) == len(consumers), "P3: next was not delivered once a run"
            assert {run["version_id"] for run in committed} <= {
                before.workflow["active_version_id"]
            }
            answers = [e for e in after.new("Evidence", before) if e["kind"] == "reconcile"]
            assert len(answers) == self.bank.asked - asked, "P3: an answer is no evidence"
        if is_calm and steps is not None:
            promises.nothing_is_overlooked(after, shop.looked)
            promises.the_reason_is_told(after)
        return steps or 0

    def _work(self) -> int:
        done = advance(self.rows.workflow["id"], clock=lambda: self.now, max_steps=100)
        assert not done.has_more, "P2: the host never came to rest"
        return done.steps

    def _let_claim_end(self) -> None:
        """End the claim of a worker that is gone: it ends by the database's clock, which no story moves."""
        Lease.objects.exclude(holder="").update(expires_at=Now())

    def _is_due(self) -> bool:
        return bool(due_workflows(self.now))

    def _note_mutations(self, rows: Rows) -> None:
        for sending in self.bank.sendings:
            if sending.mutation is None:
                found = rows.find("Mutation", idempotency_key=sending.key)
                sending.mutation = found[-1]["id"]

    @staticmethod
    def _committed_now(run: Row, before: Rows) -> bool:
        earlier = before["Run"].get(run["id"])
        return run["status"] == "committed" and (not earlier or earlier["status"] != "committed")

    def _is_producer(self, run: Row) -> bool:
        return bool(self.rows["Handler"][run["handler_id"]]["kind"] == "producer")

    def _meanwhile(self, what: str, events: list[str]) -> None:
        """Let something happen while a handler of the host is at work."""
        self.rows = Rows.now(self.rows)
        workflow_pk = self.rows.workflow["id"]
        if what == "is overtaken":
            self._let_claim_end()
            with suppress(SimulatedCrash):
                advance(workflow_pk, clock=lambda: self.now, max_steps=20)
            return
        if what == "meanwhile somebody pauses":
            self.press(Press("otto", "pause_workflow", self.rows.workflow))
            self.sent_before_pause = len(self.bank.sendings)
            return
        if what == "meanwhile somebody skips the event":
            rows = self.rows["Event"].values()
            (event,) = [row for row in rows if self.rows.name(row) == events[0]]
            self.press(Press("otto", "skip_event", event))
            return
        for name in [name for name in events if name in self.bank.orders][:1]:
            self.publish(name.partition("/")[2], self.bank.orders[name] + 1, None)

    # What must hold

    def check(self) -> None:
        """Check all promises on how it is now, and on what changed since the last check."""
        self.database.check()
        before = self._checked
        self.rows = self._checked = after = Rows.now(self.rows)
        promises.effects_are_made_once(self.bank, self.mistakes, after)
        promises.no_event_is_lost(after)
        promises.crashes_are_paused_and_end(before, after)
        promises.outcomes_are_known_or_waited_for(self.bank, after)
        records.histories_are_complete(before, after)
        records.people_are_named_for_decisions_only(after)
        records.events_have_causes(before, after)

    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
