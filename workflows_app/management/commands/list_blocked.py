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
from workflows_app.models import Run
from workflows_app.queries.attention import blocked_runs, failures_that_wait
from workflows_app.queries.explanation import why_it_waits

COLUMNS = ["run", "workflow", "title", "mutator", "target", "since", "why"]


class Command(command.Command):
    help = (
        "List what waits for a person: runs of which nobody knows whether their outside effect "
        "happened, and failed runs that no date brings back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workflow", help="only of this workflow, by its slug")
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *, workflow: str | None, format: str, **_: Any) -> None:
        blocked, failed = blocked_runs(), failures_that_wait()
        if workflow is not None:
            only = workflow_named(workflow)
            blocked, failed = blocked.filter(workflow=only), failed.filter(workflow=only)
        rows = [_row(run, getattr(run, "blocked_at")) for run in blocked]  # noqa: B009 - annotated
        rows += [_row(run, run.ended_at) for run in failed]
        if format == "json":
            self.stdout.write(json.dumps(rows, cls=DjangoJSONEncoder))
        elif rows:
            self.stdout.write("\n".join(table(COLUMNS, [_cells(row) for row in rows])))
        else:
            self.stderr.write("Nothing waits for a person.")


def _row(run: Run, since: datetime | None) -> dict[str, Any]:
    mutation = run.settled_mutation
    code = registry.mutator(run.workflow.slug, mutation.mutator) if mutation else None
    return {
        "run": run.pk,
        "status": run.status,
        "failure_kind": run.failure_kind,
        "workflow": run.workflow.slug,
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
        "why": why_it_waits(run),
    }


def _cells(row: dict[str, Any]) -> list[object]:
    since = timezone.localtime(row["since"])
    return [{**row, "since": f"{since:%Y-%m-%d %H:%M}"}[column] for column in COLUMNS]
