"""A pooler that gives each transaction another session of the server: nothing may belong to a session."""

from __future__ import annotations

import socket

import pytest
from django.db import connection

from tests.away.databases import Database, serving
from tests.away.relay import Relay


class Pooler(Relay):
    """Says, as a pooler does, that a session has another number than the server's."""

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        said = b""
        while (begin := said.find(b"K\0\0\0\x0c")) < 0 or len(said) < begin + 13:
            said += server.recv(65_536)
        number = int.from_bytes(said[begin + 5 : begin + 9], "big") + 1
        client.sendall(said[: begin + 5] + number.to_bytes(4, "big") + said[begin + 9 :])
        super()._answer(client, server)


@pytest.mark.parametrize(
    ("relay", "asked", "threshold"), [(Relay, 3, 3), (Pooler, 3, None), (Pooler, 0, None)]
)
def test_nothing_is_prepared_behind_a_pooler(
    database: Database, relay: type[Relay], asked: int, threshold: int | None
) -> None:
    with (
        relay(database.server.port) as way,
        serving(f"{way.url(database.name)}&prepare_threshold={asked}"),
    ):
        connection.ensure_connection()
        assert connection.connection.prepare_threshold == threshold
