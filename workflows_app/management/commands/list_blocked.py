"""`manage.py list_blocked`: what waits for a person, the longest waiting first."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from workflows_app import registry
from workflows_app.management import command
from workflows_app.management.actors import add_reader, masked_for
from workflows_app.management.selection import workflow_named
from workflows_app.management.tables import table
from workflows_app.masking import Names, shown, struck_of
from workflows_app.models import Breaker, Evidence, Mutation, OperatorAction
from workflows_app.operations.seen import seen_now
from workflows_app.queries.attention import (
    blocked_runs,
    contradictions,
    failures_that_wait,
    open_breakers,
)
from workflows_app.queries.lanes import with_lane
from workflows_app.queries.taking import late_answers, taken_by

RUN_COLUMNS = [
    *("run", "workflow", "lane", "title", "mutator", "target", "since", "behind"),
    *("late answer", "taken by", "why"),
]
CONTRADICTION_COLUMNS = ["contradicts", "workflow", "title", "ledger", "late answer", "since"]
BREAKER_COLUMNS = ["breaker", "workflow", "unknowns", "since", "trial", "why"]
TOO_MANY_UNKNOWNS = "too many unknown outcomes in a row: no new call goes out"


class Command(command.Command):
    help = (
        "List what waits for a person: runs of which nobody knows whether their outside effect "
        "happened, failed runs that no date brings back, late answers that say the opposite of the "
        "ledger, and open circuit breakers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workflow", help="only of this workflow, by its slug")
        parser.add_argument("--format", choices=["text", "json"], default="text")
        add_reader(parser)

    def handle(self, *, workflow: str | None, format: str, actor: str | None, **_: Any) -> None:
        names = masked_for(actor)
        blocked, failed, breakers = blocked_runs(), failures_that_wait(), open_breakers()
        contradicting = contradictions(now=timezone.now())
        if workflow is not None:
            only = workflow_named(workflow)
            blocked, failed = blocked.filter(workflow=only), failed.filter(workflow=only)
            breakers = breakers.filter(handler__workflow=only)
            contradicting = contradicting.filter(mutation__run__workflow=only)
        found = [(run, run.blocked_at) for run in with_lane(blocked)]
        found += [(run, run.ended_at) for run in with_lane(failed)]
        all_runs = [run for run, _ in found]
        seen, late = seen_now(all_runs), late_answers(all_runs)
        takers = taken_by([run.pk for run in all_runs])
        runs = [
            {
                **_run(shown(run, names), since),
                "late_answer": _late(late.get(run.pk)),
                "taken_by": _taker(shown(takers.get(run.pk), names)),
                "seen": str(seen[run.pk]),
            }
            for run, since in found
        ]
        opened = [_breaker(breaker) for breaker in breakers]
        opposite = [_contradiction(answer, names) for answer in contradicting]
        if format == "json":
            self.stdout.write(json.dumps([*runs, *opposite, *opened], cls=DjangoJSONEncoder))
            return
        tables = []
        if runs:
            tables.append(table(RUN_COLUMNS, [_cells_of_run(row) for row in runs]))
        if opposite:
            rows = [_cells_of_contradiction(row) for row in opposite]
            tables.append(table(CONTRADICTION_COLUMNS, rows))
        if opened:
            tables.append(table(BREAKER_COLUMNS, [_cells_of_breaker(row) for row in opened]))
        if tables:
            self.stdout.write("\n\n".join("\n".join(lines) for lines in tables))
        else:
            self.stderr.write("Nothing waits for a person.")


def _run(run: Any, since: datetime | None) -> dict[str, Any]:
    """Return what is told of a run that `with_lane` found."""
    mutation = run.settled_mutation
    code = registry.mutator(run.workflow.slug, mutation.mutator) if mutation else None
    fields = code.result_fields if code else {}
    return {
        "kind": "run",
        "run": run.pk,
        "status": run.status,
        "failure_kind": run.failure_kind,
        "workflow": run.workflow.slug,
        "lane": run.lane,
        "handler": run.handler.name,
        "title": run.title,
        "mutation": mutation.pk if mutation else None,
        "mutation_status": mutation.status if mutation else None,
        "mutator": mutation.mutator if mutation else "",
        "target": mutation.target if mutation else "",
        "params": mutation.params if mutation else None,
        "idempotency_key": mutation.idempotency_key if mutation else "",
        "can_reconcile": code is not None and code.can_reconcile(),
        "result_fields": {name: str(label) for name, label in fields.items()},
        "since": since,
        "waiting_behind": run.waiting_behind,
        "why": struck_of(run, run.why),
    }


def _late(answer: Evidence | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    return {"verdict": answer.verdict, "at": answer.created_at}


def _taker(taken: OperatorAction | None) -> dict[str, Any] | None:
    if taken is None:
        return None
    return {"person": taken.actor_name, "since": taken.created_at, "reason": taken.reason}


def _contradiction(answer: Evidence, names: Names) -> dict[str, Any]:
    mutation = answer.mutation
    return {
        "kind": "contradiction",
        "run": mutation.run_id,
        "mutation": mutation.pk,
        "mutation_status": mutation.status,
        "workflow": mutation.run.workflow.slug,
        "title": shown(mutation.run, names).title,
        "verdict": answer.verdict,
        "at": answer.created_at,
    }


def _breaker(breaker: Breaker) -> dict[str, Any]:
    return {
        "kind": "breaker",
        "breaker": breaker.pk,
        "status": breaker.status,
        "workflow": breaker.handler.workflow.slug,
        "consumer": breaker.handler.name,
        "unknowns": breaker.unknowns,
        "opened_at": breaker.opened_at,
        "trial_at": breaker.trial_at,
        "why": TOO_MANY_UNKNOWNS,
    }


def _cells_of_run(row: dict[str, Any]) -> list[object]:
    late, taker = row["late_answer"], row["taken_by"]
    told = {
        "lane": row["lane"] or "main",
        "behind": row["waiting_behind"],
        "late answer": Evidence.Verdict(late["verdict"]).label if late else "none",
        "taken by": taker["person"] if taker else "nobody",
    }
    return [{**row, **told, "since": _minute(row["since"])}[column] for column in RUN_COLUMNS]


def _cells_of_contradiction(row: dict[str, Any]) -> list[object]:
    told = {
        "contradicts": row["run"],
        "ledger": Mutation.Status(row["mutation_status"]).label,
        "late answer": Evidence.Verdict(row["verdict"]).label,
        "since": _minute(row["at"]),
    }
    return [{**row, **told}[column] for column in CONTRADICTION_COLUMNS]


def _cells_of_breaker(row: dict[str, Any]) -> list[object]:
    told = {
        "breaker": row["consumer"],
        "since": _minute(row["opened_at"]),
        "trial": "under way" if row["status"] == "half_open" else _minute(row["trial_at"]),
    }
    return [{**row, **told}[column] for column in BREAKER_COLUMNS]


def _minute(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"
