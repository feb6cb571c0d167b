"""A console: calls a management command as the command line does, and keeps what it said."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

from django.core.management import load_command_class
from django.core.management.base import CommandError


@dataclass(frozen=True)
class Ran:
    """What a command ended with and wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def run(name: str, *arguments: object, stdin: bytes | io.BytesIO = b"") -> Ran:
    """Run `manage.py NAME ARGUMENTS` with this input, in this process and transaction."""
    stream = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
    with _standard_input(io.TextIOWrapper(stream)):
        return _run(name, [str(argument) for argument in arguments])


def run_on_terminal(name: str, *arguments: object, typed: str) -> Ran:
    """Run it with a terminal for input, on which somebody typed `typed`."""
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    try:
        with os.fdopen(theirs, "r") as terminal, _standard_input(terminal):
            return _run(name, [str(argument) for argument in arguments])
    finally:
        os.close(ours)


@contextmanager
def _standard_input(stream: Any) -> Iterator[None]:
    before, sys.stdin = sys.stdin, stream
    try:
        yield
    finally:
        sys.stdin = before


def _run(name: str, arguments: list[str]) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    command: Any = load_command_class("workflows_app", name)
    # So that wrong usage exits, as on the command line, and does not raise.
    command._called_from_command_line = True
    code = 0
    with redirect_stderr(err):
        try:
            options = vars(command.create_parser("manage.py", name).parse_args(arguments))
            positional = options.pop("args", ())
            command.execute(
                *positional, **{**options, "stdout": out, "stderr": err, "skip_checks": True}
            )
        except CommandError as error:
            err.write(f"CommandError: {error}\n")
            code = error.returncode
        except SystemExit as end:
            code = int(end.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())
