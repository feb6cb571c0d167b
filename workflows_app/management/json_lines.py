"""Reading JSON lines as they come, from a file or standard input, in no more memory than a block takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import CommandError

from workflows_app.errors import WorkflowsError
from workflows_app.sdk.json_texts import NotExact, read_json

STANDARD_INPUT = Path("-")
#: What is read at a time, and how many of its lines are handed on together.
_BLOCK_BYTES = 1024 * 1024
_LINES = 1000
#: No event is as long: of a longer line the rest is read, and forgotten.
_LINE_BYTES = 16 * 1024 * 1024


class BrokenLine(WorkflowsError):
    """A line is no event."""


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """Open the lines as bytes: one that is no UTF-8 is a broken line, no end of the command."""
    name = "Standard input" if file == STANDARD_INPUT else str(file)
    try:
        if file != STANDARD_INPUT:
            with file.open("rb") as stream:
                yield stream
        elif sys.stdin is None:
            raise CommandError("There is no standard input. Name a file.")
        else:
            yield sys.stdin.buffer
    except OSError as error:
        raise CommandError(f"{name} can't be read: {error.strerror}.") from None


def as_they_come(stream: BinaryIO) -> Iterator[list[tuple[int, bytes]]]:
    """Give the lines that are there to be read, with their numbers, some at a time.

    Whoever writes slowly into a pipe has each line handed on before the next one comes.
    """
    number = 1
    for block in _blocks(stream):
        lines = list(enumerate(block.split(b"\n"), start=number))
        number += len(lines)
        for first in range(0, len(lines), _LINES):
            yield lines[first : first + _LINES]


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Give whole lines, without the end of the last one."""
    rest = bytearray()
    # What is there, in place of all that was asked for: so reads a stream without a buffer anyway.
    read: Any = getattr(stream, "read1", stream.read)
    while block := read(_BLOCK_BYTES):
        rest += block
        end = rest.rfind(b"\n", len(rest) - len(block))
        if end >= 0:
            yield bytes(rest[:end])
            del rest[: end + 1]
        del rest[_LINE_BYTES + 1 :]
    if rest:
        yield bytes(rest)


def event_of(line: bytes) -> dict[str, Any]:
    """Return `message_id` and `payload` of a line. Other keys are left to whoever wrote them.

    Raises BrokenLine.
    """
    if len(line) > _LINE_BYTES:
        raise BrokenLine(f"it has over {_LINE_BYTES:,} bytes")
    try:
        record = read_json(line.decode().removeprefix("\ufeff").strip())
    except json.JSONDecodeError as error:
        raise BrokenLine(f"no JSON: {error.msg} at character {error.pos + 1}") from None
    except UnicodeDecodeError as error:
        raise BrokenLine(
            f"no UTF-8: byte {line[error.start]:#04x} at place {error.start + 1}"
        ) from None
    except NotExact as error:
        raise BrokenLine(str(error)) from None
    except RecursionError:
        raise BrokenLine("it is nested too deeply") from None
    if not isinstance(record, dict):
        raise BrokenLine(f"must be a JSON object, not {type(record).__name__}")
    for key in ("message_id", "payload"):
        if key not in record:
            raise BrokenLine(f"has no '{key}'")
    return {"message_id": record["message_id"], "payload": record["payload"]}
