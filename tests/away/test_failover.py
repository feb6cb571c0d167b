"""Another server takes over, at another port: the address of the application names both (P1, P2, P3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.away.databases import Database, serving
from tests.away.relay import Relay
from tests.away.server import HOST, USER, Server, free_port, open_directory
from tests.away.stream import SLUGS, Stream
from tests.crash.scenario import Scenario
from tests.eventually import eventually

SAME_RUN = "committed committed (applied)"


@pytest.mark.long
def test_a_server_that_comes_back_at_another_port_is_found(
    database: Database, scenario: Callable[..., Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = database.server
    with Relay(server.port) as relay, _at(relay.url(database.name), monkeypatch):
        stream = Stream(scenario(*SLUGS), workers=1)
        stream.is_under_way()
        database.stop()
        stream.is_told("database.away")
        relay.target = server.port = free_port()
        database.start()
        stream.is_under_way()
        stream.comes_to_its_end()


def test_a_standby_that_takes_over_has_all_that_was_acknowledged(
    database: Database,
    standby: Server,
    scenario: Callable[..., Scenario],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = f"{HOST}:{database.server.port},{HOST}:{standby.port}"
    url = f"postgres://{USER}@{both}/{database.name}?target_session_attrs=read-write"
    with _at(url, monkeypatch):
        stream = Stream(scenario(*SLUGS))
        stream.is_under_way()
        database.stop("immediate")
        stream.is_told("database.away")
        standby.tell("SELECT pg_promote()")
        stream.is_under_way()
        stream.comes_to_its_end()


def test_an_effect_that_the_new_server_has_never_heard_of_is_told(
    database: Database, scenario: Callable[..., Scenario]
) -> None:
    scene = scenario("mute")
    database.keep_a_copy()
    scene.outside.hold("mute/after")
    worker = scene.start_worker()
    scene.outside.wait_for("mute/after")
    # As a standby does that was not waited for: it lacks the last transactions.
    database.go_back_to_the_copy()
    scene.outside.release("mute/after")

    # It is sent again, by who can't know: this is the one fault that the host can't stand.
    eventually(lambda: scene.told("mute"), f"{SAME_RUN}; 42 consumed; paid 42 42")
    forgotten, _known = scene.outside.paid("mute")
    said = f"mutator=mute.pay key={forgotten.key} said=applied"
    eventually(lambda: said in worker.log.read_text(), True)
    assert "ERROR workflows_app mutation.forgotten workflow=mute" in worker.log.read_text()


@contextmanager
def _at(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process and the workers use the database at `url`."""
    monkeypatch.setenv("DATABASE_URL", url)
    with serving(url):
        yield


@pytest.fixture
def standby(database: Database, tmp_path: Path) -> Iterator[Server]:
    """A copy of the server that follows it; what it has not got yet is not acknowledged."""
    with ExitStack() as stack:
        directory = stack.enter_context(open_directory(tmp_path))
        copy = Server(directory, standby_of=database.server)
        stack.callback(copy.stop, "immediate")
        copy.start()
        database.server.configure("synchronous_standby_names", "'*'")
        synchronous = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
        eventually(lambda: len(database.server.tell(synchronous)), 1)
        yield copy
