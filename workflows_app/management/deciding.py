"""What all commands have in common by which a person decides: who, why, try first, ask, report.

Each item is a decision of its own, by one call of an operation: some may be refused while all
others are done.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from workflows_app.engine.log import told_when_durable
from workflows_app.errors import OperationRefused
from workflows_app.management import command
from workflows_app.management.actors import actor_named
from workflows_app.management.exits import SOME_REFUSED, wrong_usage
from workflows_app.masking import Names, names_for, shown, struck_of
from workflows_app.models import OperatorAction
from workflows_app.operations.declaration import Operation

YES = ("y", "yes")
NOTHING_CHANGED = "Nothing was changed."
_NOBODY = "There is nobody to ask here. Use --no-input if you are sure."


@dataclass
class Report:
    """What was done, and what was refused and why; rows for JSON."""

    done: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, item: dict[str, Any], code: str, problem: str) -> None:
        self.refused.append({**item, "code": code, "problem": problem})


class DecidingCommand(command.Command):
    """Base of these commands. `decide` does the work for what `handle` of a subclass selected."""

    #: A decision's COMMIT was sent, and its answer not read.
    _in_doubt = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--actor", required=True, help="user name of the person who decides")
        parser.add_argument("--reason", required=True, help="why; kept with the decision")
        parser.add_argument("--dry-run", action="store_true", help="try all, change nothing")
        parser.add_argument(
            "--no-input",
            "--noinput",
            action="store_false",
            dest="interactive",
            help="ask nothing",
        )
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def decide(
        self,
        items: Iterable[tuple[dict[str, Any], Any]],
        operation: Operation,
        report: Report,
        *,
        question: str,
        options: dict[str, Any],
        seen: Mapping[int, Any] | None = None,
        **arguments: Any,
    ) -> None:
        """Carry out `operation` on the second of each of `items`, told as the first; print the report.

        It gets `arguments` besides the person and the reason, and of `seen`, if given, by the target's key, what
        was shown. Commits each. Exits with 3 if some were refused.
        """
        actor = actor_named(options["actor"])
        names = names_for(actor)
        dry_run: bool = options["dry_run"]
        chosen = list(items)
        if chosen and options["interactive"] and not dry_run:
            self._require_yes(question)
        if not dry_run:
            self.if_interrupted = "What was decided stays decided: look before you decide again."
        decides = partial(operation.function, actor=actor, reason=options["reason"], **arguments)
        tried = 0
        told: dict[str, Any] = {}
        try:
            for told, target in chosen:
                tried += 1
                told_before = {} if seen is None else {"seen": seen[target.pk]}
                call = partial(decides, target, **told_before)
                self._decide_one(
                    *(told, target, call, report),
                    names=names,
                    dry_run=dry_run,
                    asks_first=arguments.get("probe", False),
                )
        except command.CUT_SHORT as error:
            left = _left(told, len(chosen) - tried, dry_run)
            position = f"{tried} of {len(chosen)}"
            done = _done(report, self._in_doubt, told, position, dry_run)
            ended = command.unless_away(
                error, left, limit=self.statement_limit, if_interrupted=done
            )
            self._tell(report, operation, format=options["format"], dry_run=dry_run)
            raise ended from error
        self._tell(report, operation, format=options["format"], dry_run=dry_run)
        if report.refused:
            raise SystemExit(SOME_REFUSED)

    def _decide_one(
        self,
        told: dict[str, Any],
        target: Any,
        decides: Callable[[], OperatorAction],
        report: Report,
        *,
        names: Names,
        dry_run: bool,
        asks_first: bool,
    ) -> None:
        # Nothing is held while the outside system is asked: such a decision has its own transaction.
        self._in_doubt = asks_first
        block = nullcontext() if asks_first else transaction.atomic()
        with told_when_durable(is_undone=dry_run):
            try:
                with block:
                    action = decides()
                    if dry_run:
                        transaction.set_rollback(True)
                    self._in_doubt = True
            except OperationRefused as refusal:
                # As pages tell it: without what the person may not see of the row as it is by now.
                row = shown(type(target)._default_manager.get(pk=target.pk), names)
                report.refuse(told, refusal.code, struck_of(row, str(refusal)))
            else:
                report.done.append({**told, "action": None if dry_run else action.pk})
        self._in_doubt = False

    def _require_yes(self, question: str) -> None:
        if sys.stdin is None or not sys.stdin.isatty():
            raise wrong_usage(_NOBODY)
        self.stderr.write(f"{question} [y/N] ", ending="")
        self.stderr.flush()
        if getattr(self.stderr, "are_lost", False):
            # On a terminal, but nobody has read the question.
            raise wrong_usage(_NOBODY)
        if sys.stdin.readline().strip().lower() not in YES:
            self.stderr.write(NOTHING_CHANGED)
            raise SystemExit(1)

    def _tell(self, report: Report, operation: Operation, *, format: str, dry_run: bool) -> None:
        for row in report.refused:
            self.stderr.write(f"{row['code']}: {row['problem']}")
        if format == "json":
            self.stdout.write(json.dumps({"dry_run": dry_run, **vars(report)}))
            return
        decided = "would be decided" if dry_run else "decided"
        for row in report.done:
            self.stdout.write(f"{_named(row)}: “{operation.label}” {decided}")
        self.stdout.write(f"{len(report.done)} {decided}, {len(report.refused)} refused")


def _named(row: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in row.items() if key != "action")


def _left(told: dict[str, Any], untried: int, dry_run: bool) -> str:
    """Say what is known when the database goes away in the middle."""
    if dry_run:
        return NOTHING_CHANGED
    return f"{_not_known(told)} {untried} were not tried."


def _done(
    report: Report, in_doubt: bool, told: dict[str, Any], position: str, dry_run: bool
) -> str:
    """Say how far it had come when somebody ended it."""
    if dry_run:
        return NOTHING_CHANGED
    doubt = f" {_not_known(told)}" if in_doubt else ""
    return (
        f"Decided: {len(report.done)}, refused: {len(report.refused)}; it stopped at {position}.{doubt}"
        " The rest was not decided."
    )


def _not_known(told: dict[str, Any]) -> str:
    return f"Whether it was decided for {_named(told)} is not known: look before you decide again."
