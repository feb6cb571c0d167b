"""`manage.py resolve_runs`: settle runs that wait for a person, each by a decision of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from workflows_app.management.deciding import DecidingCommand, Report
from workflows_app.management.exits import wrong_usage
from workflows_app.management.selection import workflow_named
from workflows_app.management.tables import plain
from workflows_app.models import OperatorAction, Run
from workflows_app.operations import it_didnt_happen, retry_failed_run, skip_run, try_again

OPERATIONS: dict[str, Callable[..., OperatorAction]] = {
    operation.__name__: operation
    for operation in (try_again, it_didnt_happen, skip_run, retry_failed_run)
}
DUPLICATE = "If it did happen, doing it again makes a duplicate. Look in the outside system first:"


class Command(DecidingCommand):
    help = "Try again, say that it didn't happen, skip, or retry runs that wait for a person."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run_ids", nargs="*", type=int, metavar="run")
        parser.add_argument("--operation", required=True, choices=list(OPERATIONS))
        parser.add_argument("--workflow", help="the workflow's slug, with --all")
        parser.add_argument(
            "--all", action="store_true", help="all runs of the workflow that wait for it"
        )
        super().add_arguments(parser)

    def handle(
        self,
        *,
        run_ids: list[int],
        operation: str,
        workflow: str | None,
        all: bool,
        **options: Any,
    ) -> None:
        if bool(run_ids) == all or (workflow is not None) != all:
            raise wrong_usage("Name runs, or use --workflow with --all.")
        decides = OPERATIONS[operation]
        report = Report()
        runs = _waiting(str(workflow), decides) if all else _named(run_ids, report)
        if decides is it_didnt_happen and runs:
            self._warn(runs)
        label = OperatorAction.Operation(operation).label
        self.decide(
            [({"run": run.pk, "workflow": run.workflow.slug}, run) for run in runs],
            decides,
            report,
            question=f"“{label}” for {len(runs)} run(s)?",
            options=options,
        )

    def _warn(self, runs: list[Run]) -> None:
        self.stderr.write(DUPLICATE)
        for run in runs:
            mutation = run.settled_mutation
            if mutation is not None:
                params = plain(json.dumps(mutation.params, ensure_ascii=False), most=500)
                target = plain(mutation.target) or "no target told"
                self.stderr.write(
                    f"  run {run.pk}, {plain(run)}: {mutation.mutator} → {target} {params}"
                )


def _waiting(slug: str, decides: Callable[..., OperatorAction]) -> list[Run]:
    runs = Run.objects.filter(workflow=workflow_named(slug))
    if decides is retry_failed_run:
        runs = runs.filter(status=Run.Status.FAILED, owes_retry=True)
    else:
        runs = runs.filter(status=Run.Status.BLOCKED)
    return list(_with_mutation(runs).order_by("pk"))


def _named(ids: list[int], report: Report) -> list[Run]:
    found = {run.pk: run for run in _with_mutation(Run.objects.filter(pk__in=ids))}
    for pk in dict.fromkeys(ids):
        if pk not in found:
            report.refuse({"run": pk, "workflow": None}, "not_found", f"There is no run {pk}.")
    return [found[pk] for pk in dict.fromkeys(ids) if pk in found]


def _with_mutation(runs: QuerySet[Run]) -> QuerySet[Run]:
    return runs.select_related("workflow", "mutation", "carried_mutation")
