"""What commands write to: terminals that lack letters or obey them, and readers that go away."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Any

from django.core.management.base import OutputWrapper

from workflows_app.visible import marked


class OutputLost(Exception):
    """What a command says can't be written: its reader is gone, or the disk is full."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"The output can't be written: {error.strerror}.")


class Output(OutputWrapper):
    """Raises OutputLost, so that no other error is taken for it."""

    def __init__(self, out: Any, ending: str = "\n") -> None:
        # There is no stream at all if the shell has closed it.
        super().__init__(io.StringIO() if out is None else out, ending)

    def write(  # type: ignore[override]  # Django's own has another signature than its base
        self,
        msg: str = "",
        style_func: Callable[[str], str] | None = None,
        ending: str | None = None,
    ) -> None:
        try:
            super().write(marked(msg), style_func, ending)
        except OSError as error:
            raise OutputLost(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise OutputLost(error) from error


class Remarks(Output):
    """What a command says besides its output, on standard error: nobody has to read it for the command to go on.

    What became of the work is told by the output and by the exit code.
    """

    def __init__(self, out: Any) -> None:
        super().__init__(out)
        #: Nobody reads what is written here.
        self.are_lost = out is None

    def write(self, *text: Any, **how: Any) -> None:  # type: ignore[override]  # takes what Output takes
        try:
            super().write(*text, **how)
        except OutputLost:
            self.are_lost = True

    def flush(self) -> None:
        try:
            super().flush()
        except OutputLost:
            self.are_lost = True


def discard_if_lost(stream: Any) -> None:
    """Discard what is left in `stream` if it can't be written: else the exit code would be Python's."""
    if isinstance(stream, io.TextIOWrapper):
        try:
            stream.flush()
        except OSError:
            discard(stream)


def use_letters_of_terminal() -> None:
    """Write letters that the terminal does not have by their numbers, as \\u2192."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard(stream: Any) -> None:
    """Let what is left in `stream` go nowhere: at its end Python would try to write it once more."""
    if isinstance(stream, io.TextIOWrapper):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
