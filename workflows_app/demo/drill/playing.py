"""The inner process of a drill: web server, worker and bank, and an eye on each decision as it is made.

What was decided is judged at the end, however it ends. Only while the cases are staged does a child that ends,
end the drill: what it was doing is part of the cases.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.db import Error, connection

from workflows_app.demo import places
from workflows_app.demo.bank.ledger import read_entries
from workflows_app.demo.drill.footprints import (
    LOG_FORMAT,
    Footprint,
    footprint,
    read_hits,
    read_looks,
)
from workflows_app.demo.drill.score import Standing, Verdict, standings
from workflows_app.demo.drill.staging import Stage, lay_out, policy_variable, waiting
from workflows_app.demo.drill.telling import OPEN_SECONDS, Told, line_of, page_of, score_of
from workflows_app.demo.invoices import FILE_VARIABLE
from workflows_app.demo.processes import (
    ChildEnded,
    Children,
    EndedBySignal,
    Ending,
    ended_by_signals,
    manage,
    start_bank,
)
from workflows_app.demo.serving import require_free, start_web_server
from workflows_app.demo.setting_up import USER, set_up
from workflows_app.demo.unattended import dropped_if_orphaned
from workflows_app.demo.workflows import BANK_URL_VARIABLE
from workflows_app.dispatch import wake_due
from workflows_app.outages import outage_of

_STAGING_SECONDS = 120.0
_LOOK_SECONDS = 0.5
#: How long a drill waits for a database that is away.
_AWAY_SECONDS = 60.0


@dataclass
class Drill:
    """One drill, in a database of its own."""

    name: str
    seed: int
    port: int
    is_logged: bool
    tell: Callable[[str], object]
    #: By the invoice: what was decided and told.
    _told: dict[str, Told] = field(default_factory=dict)
    #: What was pressed and left a case open, once each.
    _left_open: set[tuple[str, str]] = field(default_factory=set)
    #: How all stood at the last look.
    _found: list[Standing] = field(default_factory=list)

    def play(self) -> None:
        """Play until all is decided, or a signal comes; then tell the score. Raises CannotServe, ChildEnded.

        Raises EndedBySignal if that comes before the cases are ready.
        """
        require_free(self.port)
        log = places.log_of(self.name) if self.is_logged else None
        try:
            with (
                ended_by_signals() as ending,
                dropped_if_orphaned(self.name),
                places.made(self.name) as directory,
                places.logged_to(log),
            ):
                self._play_in(directory, log, ending)
        except EndedBySignal:
            self.tell("Stopped before the cases were ready.")
            raise

    def _play_in(self, directory: Path, log: Path | None, ending: Ending) -> None:
        password = secrets.token_urlsafe(9)
        stage = lay_out(directory, seed=self.seed)
        access_log = directory / "access.log"
        self.tell(f"Staging {len(stage.cases)} cases: half a minute.")
        environment = {FILE_VARIABLE: str(stage.invoices), **policy_variable()}
        set_up(password=password)
        with Children(environment, log=log) as children:
            self._write_score(stage)
            script = ["--script", str(stage.script), "--score", str(stage.score)]
            script += ["--looks", str(stage.looks)]
            url = start_bank(children, directory=directory, fails_by=script)
            children.environment[BANK_URL_VARIABLE] = url
            children.start("worker", *manage("run_worker", "--skip-checks"))
            logged = ["--access-logfile", str(access_log), "--access-logformat", LOG_FORMAT]
            start_web_server(children, self.port, *logged)
            self._stage(children, len(stage.cases))
            failure: Exception | None = None
            try:
                try:
                    self._found = standings(stage.cases, read_entries(stage.bank_records))
                    self._tell_how(password, url)
                    self._watch(children, stage, access_log, ending)
                except Exception as error:  # raised again once the score is told
                    failure = error
                ending.be_deaf()
            except EndedBySignal:
                pass
            self._tell_end(stage, failure, ending)

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
            f"Nothing else is needed. Each decision is judged as you make it, here and at {bank_url}/score."
            f" It ends {OPEN_SECONDS} seconds after the last decision, or by Ctrl-C, with the score."
        )

    def _watch(self, children: Children, stage: Stage, access_log: Path, ending: Ending) -> None:
        """Tell each decision, until some time after the last one. Raises ChildEnded, and Error of the database."""
        until, there_at, is_away = float("inf"), time.monotonic(), False
        # A signal that came while something was cleared up may have been lost there.
        while time.monotonic() < until and ending.signal is None:
            children.keep_up(self.tell)
            try:
                self._look(stage, access_log)
                there_at, is_away = time.monotonic(), False
            except Error as error:
                is_outage = ending.signal is None and outage_of(error) is not None
                if not is_outage or time.monotonic() - there_at > _AWAY_SECONDS:
                    raise
                if not is_away:
                    self.tell("The database is away. The drill goes on when it is back.")
                is_away = True
                connection.close()
                time.sleep(_LOOK_SECONDS)
            if until == float("inf") and len(self._told) == len(stage.cases):
                until = time.monotonic() + OPEN_SECONDS
                self.tell(
                    f"All are decided. The console and the score stay up for {OPEN_SECONDS} seconds more; Ctrl-C"
                    " ends it at once."
                )

    def _look(self, stage: Stage, access_log: Path) -> None:
        wake_due()
        self._found = standings(stage.cases, read_entries(stage.bank_records))
        # The press is in the log when its answer is out, a moment after its decision is in the database.
        time.sleep(_LOOK_SECONDS)
        hits, looks = read_hits(access_log), read_looks(stage.looks)
        for standing in self._found:
            self._tell_decision(standing, footprint(hits, standing.places, looks), stage)

    def _tell_decision(self, standing: Standing, taken: Footprint, stage: Stage) -> None:
        """Tell what was decided about a case, once."""
        number = standing.case.invoice.number
        if number in self._told:
            return
        line = line_of(standing, taken)
        if standing.verdict != Verdict.OPEN:
            self._told[number] = (standing, taken)
            self._write_score(stage)
            self.tell(f"{len(self._told):2} of {len(stage.cases)}  {line}")
        elif standing.decision and (number, standing.decision) not in self._left_open:
            self._left_open.add((number, standing.decision))
            self.tell(f"          {line}")

    def _write_score(self, stage: Stage) -> None:
        draft = stage.score.with_suffix(".draft")
        score = page_of(self._told.values(), len(stage.cases))
        draft.write_text(json.dumps(score), encoding="utf-8")
        draft.replace(stage.score)

    def _tell_end(self, stage: Stage, failure: Exception | None, ending: Ending) -> None:
        """Tell the score. Raises `failure`, unless it came of the signal."""
        if ending.signal is not None:
            self.tell("Stopped.")
            failure = None
        # What ended it may have come in the middle of a statement.
        connection.close()
        try:
            self._found = standings(stage.cases, read_entries(stage.bank_records))
        except Error as error:
            failure = failure or error
            self.tell("The database is away. This is the score of the last look.")
        self.tell(score_of(self._found, self._told))
        if failure is not None:
            raise failure
