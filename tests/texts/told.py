"""What commands said and wrote, as texts for people to read."""

from __future__ import annotations

import json
import re
from argparse import Action
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from django.db import transaction

from tests.commands.console import Ran, run, run_on_terminal
from tests.operations.readiness import Rows
from tests.texts.fixed import go_on_numbering

#: What commands write besides, and no person looks at.
_ASIDE = ("Lease", "LaneState", "Arrival", "EventWords", "MachineClock")
#: What differs from machine to machine, or is a matter of the engine.
_COLUMNS_ASIDE = ("id", "traceback", "source_digest", "duration_ms", "prepare_result", "pid")


def told_by(
    *arguments: object,
    typed: str | None = None,
    stdin: bytes = b"",
    rows_before: Rows | None = None,
) -> str:
    """Run a command, and tell how it ended, what it said, and which rows it left changed; undo these."""
    name, *rest = arguments
    if rows_before is not None:
        go_on_numbering()
    before, point = rows_before or rows(), transaction.savepoint()
    if typed is None:
        ran = run(str(name), *rest, stdin=stdin)
    else:
        ran = run_on_terminal(str(name), *rest, typed=typed)
    after = rows()
    transaction.savepoint_rollback(point)
    shown = " ".join(_quoted(str(argument)) for argument in arguments)
    given = "" if typed is None else f"typed: {typed!r}\n"
    given += f"stdin: {stdin!r}\n" if stdin else ""
    return f"$ {shown}\n{given}{_ended(ran)}{changes(before, after)}"


def rows() -> Rows:
    """Return all rows of the tables that people look at, by table and key."""
    return {
        model.__name__: {row[model._meta.pk.attname]: row for row in model._base_manager.values()}
        for model in apps.get_app_config("workflows_app").get_models()
        if model.__name__ not in _ASIDE and not model.__name__.startswith("Historical")
    }


def _quoted(argument: str) -> str:
    return f"'{argument}'" if " " in argument or "{" in argument else argument


def _ended(ran: Ran) -> str:
    parts = [f"exit {ran.code}"]
    for name, said in (("out", ran.out), ("err", ran.err)):
        if name == "err" and said.startswith("usage: "):
            said = "(argparse's own words)\n"
        parts += [f"{name}: {line}" for line in _readable(said)]
        if said and not said.endswith("\n"):
            parts.append(f"{name} has no end of its last line")
    return "\n".join(parts) + "\n"


def _readable(said: str) -> list[str]:
    if said.startswith(("[{", '{"')) and said.count("\n") == 1:
        said = json.dumps(json.loads(said), indent=1, ensure_ascii=False)
    return said.splitlines()


def changes(before: Rows, after: Rows) -> str:
    """Tell which rows are new, other or gone, without their history, and with no moments."""
    lines = []
    for table in sorted(after):
        for key in sorted({**before[table], **after[table]}, key=str):
            old, new = before[table].get(key), after[table].get(key)
            if old != new:
                lines.append(f"row: {table} {key} {_change(old, new)}\n")
    return "".join(lines)


def _change(old: dict[str, Any] | None, new: dict[str, Any] | None) -> str:
    if new is None:
        return "is gone"
    what = {name: value for name, value in new.items() if old is None or old[name] != value}
    shown = ", ".join(
        f"{name}={_value(value)}"
        for name, value in what.items()
        if name not in _COLUMNS_ASIDE and value not in (None, "")
    )
    emptied = ", ".join(f"no {name}" for name, value in what.items() if old and value in (None, ""))
    return f"{'is new' if old is None else 'changed'}: {', '.join(filter(None, [shown, emptied]))}"


def _value(value: Any) -> str:
    return "(a moment)" if isinstance(value, datetime) else repr(value)


def described(name: str) -> str:
    """Tell what `--help` does, in words that no version of Python changes."""
    command: BaseCommand = load_command_class("workflows_app", name)
    lines = [f"{name}: {command.help}"]
    base = {action.dest for action in BaseCommand().create_parser("", "")._actions}
    parser = command.create_parser("manage.py", name)
    return "\n".join(
        [*lines, *(_argument(each) for each in parser._actions if each.dest not in base)]
    )


def _argument(action: Action) -> str:
    facts = {
        "nargs": action.nargs,
        "type": getattr(action.type, "__name__", None),
        "choices": list(action.choices) if action.choices else None,
        "default": action.default,
        "required": (action.required and bool(action.option_strings)) or None,
        "metavar": action.metavar,
        "help": action.help,
    }
    shown = ", ".join(f"{name} {value}" for name, value in facts.items() if value not in (None, ""))
    return f"  {'/'.join(action.option_strings) or action.dest}: {shown}"


def without_moments(text: str) -> str:
    """Return `text` with a word in place of each moment, key and number of a process."""
    text = re.sub(
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:?\d\d|Z)?", "(a moment)", text
    )
    return re.sub(r"\b[0-9a-f]{32}\b", "(a key)", text)
