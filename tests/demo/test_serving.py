"""`manage.py demo` as it is served: one at a time, ended by Ctrl-C, and there again at the next start."""

from __future__ import annotations

import re
import secrets
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.open_bank import plain_http
from tests.demo.runs import END_SECONDS, DemoProcess
from tests.eventually import eventually
from workflows_app.demo import database, places

OPEN = re.compile(
    r"Open (http://127\.0\.0\.1:\d+/admin/) and log in as 'demo' with password '(.+)'\."
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., DemoProcess]]:
    """Start demos that are served from a database of this test."""
    name = f"workflows_demo_served_{secrets.token_hex(4)}"
    started: list[DemoProcess] = []

    def start(port: int) -> DemoProcess:
        directory = tmp_path / str(len(started))
        environment = database.environment_for(name)
        started.append(DemoProcess(directory, f"--port={port}", **environment))
        return started[-1]

    with database.fresh(name):
        yield start
        for process in started:
            process.stop()
    shutil.rmtree(places.directory_of(f"served-{name}"))


def test_it_starts_lets_one_log_in_outlives_its_worker_and_ends_and_starts_again(
    demo: Callable[..., DemoProcess],
) -> None:
    port = free_port()
    first = demo(port)
    # The bank, the worker, and the web server with a process of its own.
    first.wait_for_children(4)
    address, password = _opened(first)
    logged_in(address, password)
    second = demo(free_port())

    assert second.wait() == 1
    assert second.stderr == (
        "CommandError: The demo is being served from this database already. Stop that first.\n"
    )
    first.child("run_worker").kill()
    told = "\nThe worker had ended by signal 9, and was started again.\n"
    eventually(lambda: told in first.stdout or first.stderr, True, within_seconds=END_SECONDS)
    first.wait_for_children(4)
    first.signal(signal.SIGINT)
    assert first.wait() == 0
    assert first.left_alive() == []
    assert first.stdout.endswith("\nStopped.\n")
    assert first.stderr == ""

    third = demo(port)
    _, other_password = _opened(third)
    third.signal(signal.SIGTERM)

    assert third.wait() == 0
    assert other_password != password


def logged_in(address: str, password: str) -> str:
    """Log in as the demo's user; return the page that this leads to: the one at `address`."""
    with plain_http() as http:
        http.follow_redirects = True
        login = http.get(address)
        form = {"login": "demo", "password": password, "next": "/admin/"}
        form["csrfmiddlewaretoken"] = http.cookies["csrftoken"]
        home = http.post(login.url, data=form)
    assert (home.status_code, str(home.url)) == (200, address)
    return home.text


def _opened(demo: DemoProcess) -> tuple[str, str]:
    """Wait until the demo is open; return its address and the password."""
    eventually(
        lambda: OPEN.search(demo.stdout) is not None or demo.stderr != "",
        True,
        within_seconds=END_SECONDS,
    )
    found = OPEN.search(demo.stdout)
    assert found is not None
    return found[1], found[2]
