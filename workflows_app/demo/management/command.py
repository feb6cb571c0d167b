"""What the commands of the demo have in common: seed, port, whose database, and what is so on purpose."""

from __future__ import annotations

import argparse
from typing import ClassVar

from django.core.management.base import CommandParser

from workflows_app.management import command


class DemoCommand(command.Command):
    """The base of the commands of the demo, which tell as they go along."""

    answers_signals: ClassVar[bool] = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="which calls fail how (default: 1)")
        parser.add_argument(
            "--port", type=_port, default=8000, help="of the web server (default: 8000)"
        )
        parser.add_argument(
            "--database-is-mine",
            action="store_true",
            help="use the server of DATABASE_URL, which is there for nothing else",
        )

    def tell(self, text: str) -> None:
        """Write a line at once."""
        self.stdout.write(text)
        self.stdout.flush()


def whole_number(text: str, lowest: int, highest: int) -> int:
    """Return the number that an argument says. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise argparse.ArgumentTypeError(f"{text!r} is not between {lowest} and {highest}")
    return int(text)


def _port(text: str) -> int:
    return whole_number(text, 1, 65535)
