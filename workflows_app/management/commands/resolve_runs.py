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
from workflows_app.operations import (
    decide_now,
    it_didnt_happen,
    it_happened,
    retry_failed_run,
    skip_run,
    try_again,
)
from workflows_app.sdk.json_texts import read_json

OPERATIONS: dict[str, Callable[..., OperatorAction]] = {
    operation.__name__: operation
    for operation in (
        try_again,
        it_happened,
        it_didnt_happen,
        skip_run,
        decide_now,
        retry_failed_run,
    )
}
#: What an assertion costs if it is wrong.
WARNINGS: dict[Callable[..., OperatorAction], str] = {
    it_happened: "If it did not happen, nobody will ever do it. Look in the outside system first:",
    it_didnt_happen: (
        "If it did happen, doing it again makes a duplicate. Look in the outside system first:"
    ),
}


class Command(DecidingCommand):
    help = (
        "Settle runs: try again, say that it happened or didn't happen, skip, decide now instead of "
        "the host, or retry."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run_ids", nargs="*", type=int, metavar="run")
        parser.add_argument("--operation", required=True, choices=list(OPERATIONS))
        parser.add_argument("--workflow", help="the workflow's slug, with --all")
        parser.add_argument(
            "--all", action="store_true", help="all runs of the workflow that wait for it"
        )
        parser.add_argument(
            "--result",
            metavar="JSON",
            help='with it_happened and one run: what you found, as \'{"payment": "4711"}\'',
        )
        super().add_arguments(parser)

    def handle(
        self,
        *,
        run_ids: list[int],
        operation: str,
        workflow: str | None,
        all: bool,
        result: str | None,
        **options: Any,
    ) -> None:
        if bool(run_ids) == all or (workflow is not None) != all:
            raise wrong_usage("Name runs, or use --workflow with --all.")
        decides = OPERATIONS[operation]
        arguments = {} if result is None else {"result": _result(result, decides, run_ids)}
        report = Report()
        runs = _waiting(str(workflow), decides) if all else _named(run_ids, report)
        if decides in WARNINGS and runs:
            self._warn(WARNINGS[decides], runs)
        label = OperatorAction.Operation(operation).label
        self.decide(
            [({"run": run.pk, "workflow": run.workflow.slug}, run) for run in runs],
            decides,
            report,
            question=f"“{label}” for {len(runs)} run(s)?",
            options=options,
            **arguments,
        )

    def _warn(self, warning: str, runs: list[Run]) -> None:
        self.stderr.write(warning)
        for run in runs:
            mutation = run.settled_mutation
            if mutation is not None:
                params = plain(json.dumps(mutation.params, ensure_ascii=False), most=500)
                target = plain(mutation.target) or "no target told"
                self.stderr.write(
                    f"  run {run.pk}, {plain(run)}: {mutation.mutator} → {target} {params}"
                )


def _result(text: str, decides: Callable[..., OperatorAction], run_ids: list[int]) -> Any:
    """Return what --result says. Raises a usage error."""
    if decides is not it_happened:
        raise wrong_usage("--result goes with --operation it_happened only.")
    if len(set(run_ids)) != 1:
        raise wrong_usage("--result is what you found for one run: name one run.")
    try:
        return read_json(text)
    except (ValueError, RecursionError) as error:
        raise wrong_usage(f"--result is not JSON: {error}.") from None


def _waiting(slug: str, decides: Callable[..., OperatorAction]) -> list[Run]:
    runs = Run.objects.filter(workflow=workflow_named(slug))
    if decides is retry_failed_run:
        runs = runs.filter(status=Run.Status.FAILED, owes_retry=True)
    elif decides is decide_now:
        runs = runs.filter(status=Run.Status.RECONCILING)
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
