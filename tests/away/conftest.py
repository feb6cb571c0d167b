"""A server of these tests' own, and a migrated database on it that is fresh for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from tests.away.databases import Database, serving
from tests.away.server import Server, open_directory
from tests.away.stream import SLUGS, Stream
from tests.crash.outside import Outside
from tests.crash.scenario import Scenario
from tests.scenes import Scene
from workflows_app.models import Run
from workflows_app.outages import Watch, watch

TEMPLATE = "template_workflows"


@pytest.fixture(scope="session")
def own_server(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Server]:
    """The server, with a migrated database to copy."""
    with ExitStack() as stack:
        directory = stack.enter_context(open_directory(tmp_path_factory.mktemp("server")))
        server = Server(directory)
        stack.callback(server.stop, "immediate")
        server.start()
        server.tell("CREATE DATABASE {}", (), TEMPLATE)
        with django_db_blocker.unblock(), serving(server.url(TEMPLATE)):
            call_command("migrate", verbosity=0)
        yield server


@pytest.fixture
def database(
    own_server: Server, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """A database of its own, which this process and those that it starts take for the project's."""
    made = Database(own_server, f"workflows_{os.getpid()}")
    own_server.tell("CREATE DATABASE {} TEMPLATE {}", (), made.name, TEMPLATE)
    try:
        monkeypatch.setenv("DATABASE_URL", made.url)
        with django_db_blocker.unblock(), serving(made.url):
            yield made
    finally:
        made.put_right()
        own_server.tell("DROP DATABASE {} WITH (FORCE)", (), made.name)


@pytest.fixture(autouse=True)
def unaware() -> None:
    """This process has not seen the database away."""
    vars(watch).update(vars(Watch(quiet_seconds=5.0)))


@pytest.fixture
def olga(database: Database) -> User:
    """An operator."""
    person = User.objects.create_user("olga", password="correct horse", is_staff=True)
    person.groups.add(Group.objects.get(name="Workflow operators"))
    return person


@pytest.fixture
def blocked(database: Database, scene: Callable[..., Scene]) -> Run:
    """A run that only a person can settle."""
    return scene("lost", "applied").happens()


@pytest.fixture
def outside() -> Iterator[Outside]:
    server = Outside()
    yield server
    server.close()


@pytest.fixture
def scenario(
    database: Database, outside: Outside, tmp_path: Path
) -> Iterator[Callable[..., Scenario]]:
    """`scenario(*slugs, **policy)`: as those of the crash tests, in `database`."""
    with ExitStack() as stack:

        def make(*slugs: str, **policy: object) -> Scenario:
            return stack.enter_context(Scenario(outside, tmp_path, list(slugs), policy))

        yield make


@pytest.fixture
def stream(scenario: Callable[..., Scenario]) -> Stream:
    """Two workers at work."""
    return Stream(scenario(*SLUGS))
