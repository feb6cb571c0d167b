"""The embedded server, from real processes: shared while one lives, stopped after the last."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.embedded import CLIENT, Client, is_running, manage, new_place

# The child connects by itself, and goes on when its parent has ended.
FORKING = (
    CLIENT
    + """
import os
report()
readable, writable = os.pipe()
if os.fork():
    os.read(readable, 1)
else:
    report()
    os.write(writable, b"x")
    for line in sys.stdin:
        report()
"""
)
THREADED = (
    CLIENT
    + """
from threading import Thread
threads = [Thread(target=report) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
)


@pytest.fixture
def place() -> Iterator[Path]:
    with new_place() as path:
        yield path


@pytest.fixture
def new_directory(place: Path) -> Path:
    """The directory of a server that does not exist yet."""
    return place / "pg"


@pytest.fixture(scope="module")
def used_before() -> Iterator[Path]:
    """The directory of a server that was made, used and stopped."""
    with new_place() as place:
        client = Client(place / "pg")
        client.read()
        client.leave()
        yield place / "pg"


@pytest.fixture
def directory(used_before: Path, place: Path) -> Path:
    """The same in a directory of the test's own: to make a server takes longest of all."""
    subprocess.run(["cp", "-a", used_before, place / "pg"], check=True)
    return place / "pg"


def test_processes_that_start_together_share_one_server(new_directory: Path) -> None:
    clients = [Client(new_directory) for _ in range(4)]

    assert len({client.read() for client in clients}) == 1

    for client in clients:
        client.leave()


def test_the_server_stops_after_the_last_process(directory: Path) -> None:
    first, second = Client(directory), Client(directory)
    server = first.read()
    second.read()

    first.leave()
    assert second.ask() == server

    second.leave()
    assert not is_running(server)


def test_a_killed_process_neither_stops_the_server_nor_keeps_it_up(directory: Path) -> None:
    killed, survivor = Client(directory), Client(directory)
    server = killed.read()
    survivor.read()

    killed.become_a_zombie()
    assert survivor.ask() == server

    survivor.leave()
    assert not is_running(server)
    killed.die()


def test_the_next_process_takes_over_from_a_last_one_that_was_killed(directory: Path) -> None:
    killed = Client(directory)
    server = killed.read()
    killed.die()

    successor = Client(directory)
    assert successor.read() == server

    successor.leave()
    assert not is_running(server)


def test_a_forked_child_keeps_the_server_after_its_parent(directory: Path) -> None:
    parent = Client(directory, FORKING)
    server = parent.read()
    assert parent.read() == server

    parent.process.wait(timeout=60)
    assert parent.ask() == server

    parent.leave()
    assert not is_running(server)


def test_threads_start_one_server(directory: Path) -> None:
    answers = Client(directory, THREADED).leave()

    assert len(answers) == 4
    assert len(set(answers)) == 1


def test_what_was_written_is_there_after_a_restart(directory: Path) -> None:
    # An initialisation from scratch would find the data in its way and fail.
    client = Client(directory)
    client.read()
    client.leave()
    assert (directory / "data" / "PG_VERSION").read_text() == "18\n"


def test_a_pid_file_that_names_another_program_does_not_hinder(directory: Path) -> None:
    client = Client(directory)
    client.read()
    pid_file = directory / "data" / "postmaster.pid"
    left = pid_file.read_text().splitlines()
    client.leave()
    pid_file.write_text("\n".join([str(os.getpid()), *left[1:]]) + "\n")

    client = Client(directory)

    assert client.read() != os.getpid()
    client.leave()


def test_an_interrupted_first_start_is_made_anew(new_directory: Path) -> None:
    (new_directory / "data").mkdir(parents=True)
    (new_directory / "data" / "PG_VERSION").write_text("18\n")
    (new_directory / "data-unfinished").touch()

    client = Client(new_directory)

    client.read()
    client.leave()
    assert not (new_directory / "data-unfinished").exists()


def test_data_that_the_server_did_not_make_are_left_alone(new_directory: Path) -> None:
    (new_directory / "data").mkdir(parents=True)
    (new_directory / "data" / "theirs").write_text("precious")

    client = Client(new_directory)
    _, err = client.process.communicate(timeout=60)

    assert "initdb ended with exit code 1" in err.splitlines()[-1]
    assert (new_directory / "data" / "theirs").read_text() == "precious"


def test_a_first_command_needs_no_set_up(new_directory: Path) -> None:
    done = manage("showmigrations", "auth", EMBEDDED_POSTGRES_DIR=str(new_directory))

    assert (done.returncode, done.stderr) == (0, "")
    assert "[ ] 0001_initial" in done.stdout


def test_workers_get_a_complete_connection(directory: Path) -> None:
    program = """
import asyncio, os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
from procrastinate.contrib.django.django_connector import DjangoConnector
connector = DjangoConnector(alias="default").get_worker_connector()

async def ask():
    await connector.open_async()
    answer = await connector.execute_query_one_async("SELECT current_database() = 'workflows' AS ok")
    await connector.close_async()
    print(int(answer["ok"]))

asyncio.run(ask())
"""
    client = Client(directory, program, EMBEDDED_POSTGRES_DIR=str(directory))

    assert client.leave() == [1]
