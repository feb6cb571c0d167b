"""The database lets everybody in and takes no changes: it is read-only, or its disk is full (P1, P2, P3)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
from django.db import connection

from tests.away.databases import Database
from tests.away.server import open_directory
from tests.away.stream import SLUGS, Stream
from tests.crash.scenario import Scenario

Trouble = Callable[[], AbstractContextManager[None]]
#: What a worker tells, and where the answers are that come meanwhile.
READ_ONLY = "database.away kind=read_only"
FULL = "database.away kind=full"
ANSWERS = ["mute-1/after", "asked-1/after"]
_NO_ROOM = "RAISE 'could not extend file: no space left on device' USING ERRCODE = 'disk_full'"
_ROOM = "RETURN NULL"
_FUNCTION = (
    "CREATE OR REPLACE FUNCTION room() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {}; END $$"
)


def test_a_database_that_is_read_only_for_a_while_costs_nothing(
    database: Database, stream: Stream
) -> None:
    _answers_come_meanwhile(stream, lambda: _read_only(database), READ_ONLY)


def test_a_disk_that_has_no_room_for_a_while_costs_nothing(
    database: Database, stream: Stream
) -> None:
    _answers_come_meanwhile(stream, _without_room, FULL)


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can make a small disk.")
def test_a_disk_that_is_really_full_for_a_while_costs_nothing(
    small_disk: Path, database: Database, stream: Stream
) -> None:
    _answers_come_meanwhile(stream, lambda: _filled(small_disk), FULL)


@pytest.fixture
def stream(scenario: Callable[..., Scenario]) -> Stream:
    """One worker at work."""
    return Stream(scenario(*SLUGS), workers=1)


def _answers_come_meanwhile(stream: Stream, trouble: Trouble, told: str) -> None:
    stream.is_under_way()
    stream.outside.hold(*ANSWERS)
    stream.outside.wait_for(*ANSWERS)
    with trouble():
        stream.outside.release(*ANSWERS)
        stream.is_told(told)
    stream.is_under_way()
    stream.comes_to_its_end()


@contextmanager
def _read_only(database: Database) -> Iterator[None]:
    database.server.configure("default_transaction_read_only", "on")
    yield
    database.server.configure("default_transaction_read_only", None)


@contextmanager
def _without_room() -> Iterator[None]:
    """Whatever is written to a table of ours or of the queue's finds no room."""
    tables = [
        name
        for name in connection.introspection.table_names()
        if name.startswith(("workflows_app_", "procrastinate_"))
    ]
    with connection.cursor() as cursor:
        cursor.execute(_FUNCTION.format(_NO_ROOM))
        for table in tables:
            # One at a time: locks of several could be in a worker's way, and its in ours.
            cursor.execute(
                f"CREATE TRIGGER room BEFORE INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION room()"
            )
        yield
        cursor.execute(_FUNCTION.format(_ROOM))


@contextmanager
def _filled(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 10):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    yield
    filler.unlink()


@pytest.fixture
def small_disk(database: Database, tmp_path: Path) -> Iterator[Path]:
    """A disk of some megabytes, with the tables of `database`."""
    server = database.server
    with ExitStack() as stack:
        disk = stack.enter_context(open_directory(tmp_path))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tables", disk], check=True)
        stack.callback(subprocess.run, ["umount", disk], check=True)
        place = disk / "tables"
        place.mkdir()
        shutil.chown(place, server.user)
        server.tell(f"CREATE TABLESPACE small LOCATION '{place}'")
        stack.callback(server.tell, "DROP TABLESPACE small")
        database.move("small")
        stack.callback(database.move, "pg_default")
        yield disk
