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
from workflows_app.management.selection import workflow_named
from workflows_app.management.tables import table
from workflows_app.models import Breaker
from workflows_app.queries.attention import blocked_runs, failures_that_wait, open_breakers
from workflows_app.queries.lanes import with_lane

RUN_COLUMNS = ["run", "workflow", "lane", "title", "mutator", "target", "since", "behind", "why"]
BREAKER_COLUMNS = ["breaker", "workflow", "unknowns", "since", "trial", "why"]
TOO_MANY_UNKNOWNS = "too many unknown outcomes in a row: no new call goes out"


class Command(command.Command):
    help = (
        "List what waits for a person: runs of which nobody knows whether their outside effect "
        "happened, failed runs that no date brings back, and open circuit breakers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workflow", help="only of this workflow, by its slug")
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *, workflow: str | None, format: str, **_: Any) -> None:
        blocked, failed, breakers = blocked_runs(), failures_that_wait(), open_breakers()
        if workflow is not None:
            only = workflow_named(workflow)
            blocked, failed = blocked.filter(workflow=only), failed.filter(workflow=only)
            breakers = breakers.filter(handler__workflow=only)
        runs = [_run(run, run.blocked_at) for run in with_lane(blocked)]
        runs += [_run(run, run.ended_at) for run in with_lane(failed)]
        opened = [_breaker(breaker) for breaker in breakers]
        if format == "json":
            self.stdout.write(json.dumps([*runs, *opened], cls=DjangoJSONEncoder))
            return
        tables = []
        if runs:
            tables.append(table(RUN_COLUMNS, [_cells_of_run(row) for row in runs]))
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
        "result_fields": dict(code.result_fields) if code else {},
        "since": since,
        "waiting_behind": run.waiting_behind,
        "why": run.why,
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
    told = {"lane": row["lane"] or "main", "behind": row["waiting_behind"]}
    return [{**row, **told, "since": _minute(row["since"])}[column] for column in RUN_COLUMNS]


def _cells_of_breaker(row: dict[str, Any]) -> list[object]:
    told = {
        "breaker": row["consumer"],
        "since": _minute(row["opened_at"]),
        "trial": _minute(row["trial_at"]),
    }
    return [{**row, **told}[column] for column in BREAKER_COLUMNS]


def _minute(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"
