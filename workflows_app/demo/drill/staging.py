"""Laying a drill out: the files that the bank and the workflow read, and the wait until all cases wait."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from workflows_app.demo.drill.cases import Case, bank_history, cases_of, script_of
from workflows_app.models import Run

#: Twenty unknown outcomes in a row must not stop the calls of those that come after them. A few calls at once, so
#: that a slow machine stages no failures of its own.
POLICY = {"breaker_after_unknowns": 0, "calls_at_once": 4}


@dataclass(frozen=True)
class Stage:
    """A drill that is laid out in a directory."""

    cases: Sequence[Case]
    invoices: Path
    script: Path
    bank_records: Path
    #: How the drill stands, for the bank's page of it.
    score: Path
    #: When the bank's pages were opened.
    looks: Path


def lay_out(directory: Path, *, seed: int) -> Stage:
    """Write the files of a drill into `directory`."""
    cases, now = cases_of(seed), time.time()
    stage = Stage(
        cases,
        invoices=directory / "invoices.jsonl",
        script=directory / "script.json",
        bank_records=directory / "bank.jsonl",
        score=directory / "score.json",
        looks=directory / "looks.log",
    )
    _write_lines(stage.invoices, [vars(case.invoice) for case in cases])
    _write_lines(stage.bank_records, bank_history(cases, seed=seed, now=now))
    stage.script.write_text(script_of(cases, seed=seed, now=now), encoding="utf-8")
    return stage


def policy_variable() -> dict[str, str]:
    """Return the environment in which the project keeps to the policy of a drill."""
    return {"WORKFLOWS": json.dumps({**settings.WORKFLOWS, **POLICY})}


def waiting() -> int:
    """Return how many runs wait for a person."""
    return Run.objects.filter(Run.blocking_filter()).count()


def _write_lines(path: Path, rows: Sequence[object]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
