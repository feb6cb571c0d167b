"""`manage.py sync_workflows`: the deploy step that makes the code's versions active."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from workflows_app import registry
from workflows_app.engine.log import told_when_durable
from workflows_app.engine.versions import SyncResult, not_in_code, sync
from workflows_app.errors import SyncRefused
from workflows_app.management import command
from workflows_app.management.actors import actor_named
from workflows_app.management.exits import SOME_REFUSED
from workflows_app.models import Workflow as WorkflowRow
from workflows_app.operations.still_held import StillHeld
from workflows_app.sdk import Workflow


class Command(command.Command):
    help = (
        "Record the version of every workflow in the code and make it active. Run at each deploy."
    )

    if_away = if_interrupted = "Run it again: what was done is found so."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slugs", nargs="*", help="only these workflows (default: all)")
        parser.add_argument("--actor", help="user name of the person who deploys")
        parser.add_argument("--reason", default="", help="a note, kept with the version")
        parser.add_argument("--rollback", action="store_true", help="accept a lower version")
        parser.add_argument(
            "--accept-orphans",
            action="store_true",
            help="accept that pending events or unfinished runs lose their handler",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *, slugs: list[str], dry_run: bool, format: str, **options: Any) -> None:
        workflows = registry.all_workflows()
        unknown = sorted(set(slugs) - {workflow.slug for workflow in workflows})
        if unknown:
            raise CommandError(f"The code declares no workflow '{unknown[0]}'.")
        actor = actor_named(options["actor"]) if options["actor"] else None
        done: list[SyncResult] = []
        refused: list[dict[str, str]] = []
        for workflow in workflows:
            if slugs and workflow.slug not in slugs:
                continue
            try:
                with told_when_durable(is_undone=dry_run), transaction.atomic():
                    result = sync(
                        workflow,
                        actor=actor,
                        note=options["reason"],
                        rollback=options["rollback"],
                        accept_orphans=options["accept_orphans"],
                    )
                    transaction.set_rollback(dry_run)
                done.append(result)
            except SyncRefused as error:
                self.stderr.write(str(error))
                refused.append(_refused(workflow, error))
            except command.CUT_SHORT as error:
                so_far = _so_far(done, dry_run)
                raise command.unless_away(
                    error, self.if_away, limit=self.statement_limit, if_interrupted=so_far
                ) from error
        gone = [] if slugs else [(each, StillHeld.by(each)) for each in not_in_code()]
        if format == "json":
            rows = [*(vars(result) for result in done), *refused]
            self.stdout.write(json.dumps([*rows, *(_gone(*each) for each in gone)]))
        else:
            for result in done:
                would = "would be " if dry_run and result.outcome != "unchanged" else ""
                self.stdout.write(f"{result.slug} {result.version}: {would}{result.outcome}")
            for row, held in gone:
                self.stdout.write(_gone_in_words(row, held))
        if refused:
            raise SystemExit(SOME_REFUSED)


def _so_far(done: list[SyncResult], dry_run: bool) -> str:
    if dry_run:
        return "Nothing was changed."
    named = f" ({', '.join(result.slug for result in done)})" if done else ""
    return f"Synced: {len(done)}{named}. {Command.if_interrupted}"


def _gone(workflow: WorkflowRow, held: StillHeld) -> dict[str, Any]:
    told = {"slug": workflow.slug, "version": _version(workflow), "outcome": "not_in_code"}
    return {**told, "still_holds": vars(held)}


def _gone_in_words(workflow: WorkflowRow, held: StillHeld) -> str:
    said = f"{workflow.slug} {_version(workflow)}: no longer in the code. "
    ends = f"`manage.py retire_workflow {workflow.slug}` ends it"
    if held.is_nothing:
        return f"{said}It holds nothing: {ends}."
    return f"{said}It still holds {held.in_words()}. {held.settled_by()} Then {ends}."


def _version(workflow: WorkflowRow) -> str:
    return str(workflow.active_version or "without a version")


def _refused(workflow: type[Workflow], error: SyncRefused) -> dict[str, str]:
    told = {"slug": workflow.slug, "version": workflow.version, "outcome": "refused"}
    return {**told, "code": error.code, "problem": str(error)}
