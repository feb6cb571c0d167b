"""`manage.py resolve_runs`: settle runs that wait for a person, each by a decision of its own."""

from __future__ import annotations

import json
import sys
from argparse import BooleanOptionalAction
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet, prefetch_related_objects

from workflows_app.management.actors import masked_for
from workflows_app.management.deciding import DecidingCommand, Report
from workflows_app.management.exits import wrong_usage
from workflows_app.management.selection import workflow_named
from workflows_app.management.tables import plain
from workflows_app.masking import shown
from workflows_app.models import Run
from workflows_app.operations import DECLARED
from workflows_app.operations.asking import can_ask
from workflows_app.operations.declaration import Operation
from workflows_app.operations.it_didnt_happen import IT_DIDNT_HAPPEN
from workflows_app.operations.it_happened import IT_HAPPENED
from workflows_app.operations.seen import seen_now
from workflows_app.queries.taking import late_answers
from workflows_app.sdk.json_texts import read_json

#: More characters than any list that --seen-in is given.
_SEEN_IN_LENGTH = 64 * 1024 * 1024
#: All that change the state of a run.
OPERATIONS = {each.name: each for each in DECLARED if each.target is Run and each.change}


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
        parser.add_argument(
            "--seen",
            help="with one run: what you were shown of it, as list_blocked --format json tells; refused if"
            " anything newer is known",
        )
        parser.add_argument(
            "--seen-in",
            metavar="FILE",
            help="what you were shown of all: what list_blocked --format json wrote; - is standard input",
        )
        parser.add_argument(
            "--probe",
            action=BooleanOptionalAction,
            default=True,
            help="with it_happened and it_didnt_happen: ask the outside system first, where it can be asked",
        )
        parser.add_argument(
            "--despite-contradiction",
            action="store_true",
            help="with it_didnt_happen: though an answer says that it happened",
        )
        parser.add_argument(
            "--despite-same-result",
            action="store_true",
            help="with it_happened: though another run has the same result already",
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
        seen: str | None,
        seen_in: str | None,
        probe: bool,
        despite_contradiction: bool,
        despite_same_result: bool,
        **options: Any,
    ) -> None:
        if bool(run_ids) == all or (workflow is not None) != all:
            raise wrong_usage("Name runs, or use --workflow with --all.")
        chosen = OPERATIONS[operation]
        arguments = {} if result is None else {"result": _result(result, chosen, run_ids)}
        if despite_contradiction:
            _require(chosen, IT_DIDNT_HAPPEN, "--despite-contradiction")
            arguments["despite_contradiction"] = True
        if despite_same_result:
            _require(chosen, IT_HAPPENED, "--despite-same-result")
            arguments["despite_same_result"] = True
        told_before = _told_before(seen, seen_in, run_ids)
        report = Report()
        runs = _waiting(str(workflow), chosen) if all else _named(run_ids, report)
        if chosen.asks_first:
            arguments["probe"] = probe and not options["dry_run"]
            if runs:
                names = masked_for(options["actor"])
                told = [shown(run, names) for run in runs]
                self._warn(chosen, told, probe=probe, dry_run=options["dry_run"])
        if told_before is not None:
            runs = _only_shown(runs, told_before, report)
        self.decide(
            [({"run": run.pk, "workflow": run.workflow.slug}, run) for run in runs],
            chosen,
            report,
            question=_question(chosen, runs),
            options=options,
            # What is known now, and not what comes while somebody is asked.
            seen=seen_now(runs) if told_before is None else told_before,
            **arguments,
        )

    def _warn(self, chosen: Operation, runs: list[Run], *, probe: bool, dry_run: bool) -> None:
        self.stderr.write(str(chosen.warning))
        late = late_answers(runs)
        for run in runs:
            mutation = run.settled_mutation
            if mutation is not None:
                params = plain(json.dumps(mutation.params, ensure_ascii=False), most=500)
                target = plain(mutation.target) or "no target told"
                effect = f"{mutation.mutator} → {target} {params}"
                self.stderr.write(f"  run {run.pk}, {plain(run)}: {effect}")
            if run.pk in late:
                said = late[run.pk].get_verdict_display()
                self.stderr.write(f"    an answer that came too late says: {said}")
        if not any(can_ask(run) for run in runs):
            return
        if dry_run:
            self.stderr.write("A dry run asks nobody outside.")
        elif probe:
            self.stderr.write(
                "The outside system is asked first, where it can be: a clear answer counts, and not"
                " what you say, unless it said the opposite before. --no-probe leaves that out."
            )


def _question(chosen: Operation, runs: list[Run]) -> str:
    """Return what a person says yes to: in a dialog they tick it. One query."""
    number = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    asked = f"“{chosen.label}” for {number}?"
    prefetch_related_objects(runs, "mutation__evidence")
    if chosen.tick_for_many and any(chosen.needs_tick(run) for run in runs):
        return f"{asked} By that you say: “{chosen.tick_for_many}”."
    return asked


def _told_before(seen: str | None, file: str | None, run_ids: list[int]) -> dict[int, str] | None:
    """Return what --seen or --seen-in says was shown, by run; None without them. Raises a usage error."""
    if seen is not None:
        if file is not None or len(set(run_ids)) != 1:
            raise wrong_usage("--seen is what you were shown of one run: name one run.")
        return {run_ids[0]: seen}
    if file is None:
        return None
    try:
        with nullcontext(sys.stdin) if file == "-" else Path(file).open() as source:
            text = source.read(_SEEN_IN_LENGTH + 1)
        if len(text) > _SEEN_IN_LENGTH:
            raise ValueError("no list of runs is as long")
        told = {row["run"]: row["seen"] for row in read_json(text) if row["kind"] == "run"}
        if not all(isinstance(each, str) for each in told.values()):
            raise ValueError("what was shown is a text")
        return told
    except OSError as error:
        raise wrong_usage(f"--seen-in: {file} can't be read: {error.strerror}.") from None
    except (ValueError, RecursionError, TypeError, KeyError):
        raise wrong_usage(
            f"--seen-in: {file} is not what list_blocked --format json writes."
        ) from None


def _only_shown(runs: list[Run], shown: dict[int, str], report: Report) -> list[Run]:
    """Return the runs that were shown; the others are refused."""
    for run in runs:
        if run.pk not in shown:
            told = {"run": run.pk, "workflow": run.workflow.slug}
            report.refuse(told, "stale", f"Run {run.pk} is not among those that you were shown.")
    return [run for run in runs if run.pk in shown]


def _require(chosen: Operation, only: Operation, argument: str) -> None:
    """Raise a usage error if `argument`, which only one operation takes, goes with another."""
    if chosen is not only:
        raise wrong_usage(f"{argument} goes with --operation {only.name} only.")


def _result(text: str, chosen: Operation, run_ids: list[int]) -> Any:
    """Return what --result says. Raises a usage error."""
    _require(chosen, IT_HAPPENED, "--result")
    if len(set(run_ids)) != 1:
        raise wrong_usage("--result is what you found for one run: name one run.")
    try:
        return read_json(text)
    except (ValueError, RecursionError) as error:
        raise wrong_usage(f"--result is not JSON: {error}.") from None


def _waiting(slug: str, chosen: Operation) -> list[Run]:
    """Return the runs of the workflow of which the state fits."""
    statuses = chosen.change.before if chosen.change else ()
    runs = Run.objects.filter(workflow=workflow_named(slug), status__in=statuses)
    if chosen.change and chosen.change.makes_retry:
        runs = runs.filter(owes_retry=True)
    return list(_with_mutation(runs).order_by("pk"))


def _named(ids: list[int], report: Report) -> list[Run]:
    found = {run.pk: run for run in _with_mutation(Run.objects.filter(pk__in=ids))}
    for pk in dict.fromkeys(ids):
        if pk not in found:
            report.refuse({"run": pk, "workflow": None}, "not_found", f"There is no run {pk}.")
    return [found[pk] for pk in dict.fromkeys(ids) if pk in found]


def _with_mutation(runs: QuerySet[Run]) -> QuerySet[Run]:
    return runs.select_related("workflow", "mutation", "carried_mutation")
