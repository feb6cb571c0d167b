"""The inner process of a drill: web server, worker and bank, and an eye on each decision as it is made."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.db import DatabaseError, connection

from workflows_app.demo import places
from workflows_app.demo.bank.ledger import read_entries
from workflows_app.demo.drill.footprints import (
    LOG_FORMAT,
    Footprint,
    footprint,
    read_hits,
    read_looks,
)
from workflows_app.demo.drill.score import Standing, Verdict, counted, score, standings
from workflows_app.demo.drill.staging import Stage, lay_out, policy_variable, waiting
from workflows_app.demo.invoices import FILE_VARIABLE
from workflows_app.demo.processes import (
    ChildEnded,
    Children,
    EndedBySignal,
    ended_by_signals,
    manage,
    start_bank,
)
from workflows_app.demo.serving import require_free, start_web_server
from workflows_app.demo.setting_up import USER, set_up
from workflows_app.demo.unattended import dropped_if_orphaned
from workflows_app.demo.workflows import BANK_URL_VARIABLE
from workflows_app.dispatch import wake_due

_STAGING_SECONDS = 120.0
_LOOK_SECONDS = 0.5
#: The console and the score stay up so long, to look at what came of the decisions.
_OPEN_SECONDS = 60.0


@dataclass
class Drill:
    """One drill, in a database of its own."""

    name: str
    seed: int
    port: int
    is_logged: bool
    tell: Callable[[str], object]
    #: By the invoice: what was decided and told.
    _told: dict[str, tuple[Standing, Footprint]] = field(default_factory=dict)
    #: What was pressed and left a case open, once each.
    _left_open: set[tuple[str, str]] = field(default_factory=set)

    def play(self) -> None:
        """Play until all is decided, or a signal comes; then tell the score. Raises CannotServe, ChildEnded."""
        require_free(self.port)
        log = places.log_of(self.name) if self.is_logged else None
        with (
            ended_by_signals() as ended,
            dropped_if_orphaned(self.name),
            places.made(self.name) as directory,
            places.logged_to(log),
        ):
            self._play_in(directory, log, ended)

    def _play_in(self, directory: Path, log: Path | None, ended: list[EndedBySignal]) -> None:
        password = secrets.token_urlsafe(9)
        stage = lay_out(directory, seed=self.seed)
        self.tell(f"Staging {len(stage.cases)} cases: half a minute.")
        is_open = False
        environment = {FILE_VARIABLE: str(stage.invoices), **policy_variable()}
        try:
            set_up(password=password)
            with Children(environment, log=log) as children:
                self._write_score(stage)
                script = ["--script", str(stage.script), "--score", str(stage.score)]
                script += ["--looks", str(stage.looks)]
                url = start_bank(children, directory=directory, fails_by=script)
                children.environment[BANK_URL_VARIABLE] = url
                children.start("worker", *manage("run_worker", "--skip-checks"))
                access_log = directory / "access.log"
                logged = ["--access-logfile", str(access_log), "--access-logformat", LOG_FORMAT]
                start_web_server(children, self.port, *logged)
                self._stage(children, len(stage.cases))
                self._tell_how(password, url)
                is_open = True
                self._watch(children, stage, access_log)
        except (EndedBySignal, DatabaseError):
            if not ended:
                raise
            if not is_open:
                self.tell("Stopped before the cases were ready.")
                raise ended[0] from None
            self.tell("Stopped.")
        # The signal may have come in the middle of a statement.
        connection.close()
        self._tell_score(stage)

    def _stage(self, children: Children, cases: int) -> None:
        """Wait until each of so many cases waits for a person."""
        deadline = time.monotonic() + _STAGING_SECONDS
        while waiting() < cases:
            children.check()
            if time.monotonic() > deadline:
                raise ChildEnded(
                    f"Only {waiting()} of {cases} cases were ready after {_STAGING_SECONDS:g} seconds."
                )
            wake_due()
            time.sleep(_LOOK_SECONDS)

    def _tell_how(self, password: str, bank_url: str) -> None:
        self.tell(
            f"Open http://127.0.0.1:{self.port}/admin/ and log in as '{USER}' with password '{password}'.\n"
            "Each run that waits there is a payment or a webhook of which nobody knows whether it happened,"
            " or that was refused. Settle them all.\n"
            f"The bank's payments: {bank_url}/  what arrived at suppliers: {bank_url}/suppliers\n"
            f"Nothing else is needed. Each decision is judged as you make it, here and at {bank_url}/score;"
            " Ctrl-C ends it."
        )

    def _watch(self, children: Children, stage: Stage, access_log: Path) -> None:
        while True:
            children.check()
            wake_due()
            found = standings(stage.cases, read_entries(stage.bank_records))
            # The press is in the log when its answer is out, a moment after its decision is in the database.
            time.sleep(_LOOK_SECONDS)
            hits, looks = read_hits(access_log), read_looks(stage.looks)
            for standing in found:
                self._tell_decision(standing, footprint(hits, standing.places, looks), stage)
            if len(self._told) == len(stage.cases):
                self._stay_open(children)
                return

    def _tell_decision(self, standing: Standing, taken: Footprint, stage: Stage) -> None:
        """Tell what was decided about a case, once."""
        number, line = standing.case.invoice.number, _line(standing, taken)
        if number in self._told:
            return
        if standing.verdict != Verdict.OPEN:
            self._told[number] = (standing, taken)
            self._write_score(stage)
            self.tell(f"{len(self._told):2} of {len(stage.cases)}  {line}")
        elif standing.decision and (number, standing.decision) not in self._left_open:
            self._left_open.add((number, standing.decision))
            self.tell(f"          {line}")

    def _write_score(self, stage: Stage) -> None:
        """Write for the bank's page what is decided. Of what is open it tells nothing."""
        told = list(self._told.values())
        found = [standing for standing, _ in told]
        score = {
            "sentence": f"{counted(found)}, {len(stage.cases) - len(found)} of {len(stage.cases)} to go.",
            "is_over": len(found) == len(stage.cases),
            "rows": [
                {
                    "invoice": standing.case.invoice.number,
                    "verdict": standing.verdict,
                    "decision": standing.decision,
                    "clicks": taken.clicks,
                    "detours": taken.detours,
                    "looks": taken.looks,
                    "seconds": _seconds(taken),
                    "why": standing.sentence,
                }
                for standing, taken in reversed(told)
            ],
        }
        draft = stage.score.with_suffix(".draft")
        draft.write_text(json.dumps(score), encoding="utf-8")
        draft.replace(stage.score)

    def _stay_open(self, children: Children) -> None:
        self.tell(
            f"All are decided. The console and the score stay up for {_OPEN_SECONDS:g} seconds more; Ctrl-C"
            " ends it at once."
        )
        until = time.monotonic() + _OPEN_SECONDS
        while time.monotonic() < until:
            children.check()
            wake_due()
            time.sleep(_LOOK_SECONDS)

    def _tell_score(self, stage: Stage) -> None:
        found = standings(stage.cases, read_entries(stage.bank_records))
        self.tell("\nNo.  Invoice    Verdict  Decision           Clicks  Detours  Looks  Seconds")
        for number, standing in enumerate(found, start=1):
            invoice = standing.case.invoice.number
            _, taken = self._told.get(invoice, (standing, Footprint(0, 0, 0, None)))
            is_told = invoice in self._told
            counts = (taken.clicks, taken.detours, taken.looks) if is_told else ("-", "-", "-")
            clicks, detours, looks = counts
            self.tell(
                f"{number:3}  {invoice:9}  {standing.verdict:7}  {standing.decision:17}  {clicks:>6}"
                f"  {detours:>7}  {looks:>5}"
                f"  {_seconds(taken):>7}"
            )
        for standing in found:
            if standing.verdict in (Verdict.WRONG, Verdict.CAUGHT):
                self.tell(f"{standing.case.invoice.number}: {standing.sentence}")
        if self._told:
            taken_all = [taken for _, taken in self._told.values()]
            clicks_of = [taken.clicks for taken in taken_all]
            self.tell(
                f"Clicks: {sum(clicks_of) / len(clicks_of):.2f} in the mean, {max(clicks_of)} at most."
                f" Detours: {sum(taken.detours for taken in taken_all)}."
            )
        self.tell(score(found))


def _seconds(taken: Footprint) -> str:
    return "-" if taken.seconds is None else str(taken.seconds)


def _line(standing: Standing, taken: Footprint) -> str:
    invoice, kind = standing.case.invoice, standing.case.kind
    what = "payment" if kind.is_payment else "webhook"
    pressed = f"“{standing.decision}”" if standing.verdict != Verdict.CAUGHT else "a wrong press"
    detours = f", detours: {taken.detours}" if taken.detours else ""
    took = f"clicks: {taken.clicks}{detours}, looks: {taken.looks}, seconds: {_seconds(taken)}"
    return f"{standing.verdict.upper()}: {what} of {invoice.number}, {pressed}. {standing.sentence} ({took})"
