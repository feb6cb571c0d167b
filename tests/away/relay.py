"""A relay before a server: the application's address stays while the server behind it changes.

It reads what the server says, and can lose what says that a transaction has ended: it is committed,
and whoever asked for it will never know.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from tests.away.brakes import SWALLOW
from tests.away.server import HOST, USER, free_port

#: The server is ready for the next query, and in no transaction: one has ended, by COMMIT or by itself.
_ENDED = b"Z\x00\x00\x00\x05I"
#: A statement failed: what ends after that is not committed.
_FAILED = b"VERROR\x00"


class Relay:
    """A context: it listens at a port of its own, and passes on to `target`, another port here."""

    def __init__(self, target: int) -> None:
        self.target = target
        #: How many answers it has lost.
        self.lost = 0
        self.port = free_port()
        self._listener = socket.create_server((HOST, self.port))
        self._thread = threading.Thread(target=self._accept, name="relay", daemon=True)
        self._thread.start()

    def url(self, database: str) -> str:
        # So that everything the server says is a message that can be read.
        return f"postgres://{USER}@{HOST}:{self.port}/{database}?sslmode=disable&gssencmode=disable"

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self.target))
        except OSError:
            client.close()
            return
        threading.Thread(target=_pass_on, args=(client, server), daemon=True).start()
        try:
            self._answer(client, server)
        finally:
            _hang_up(client, server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what the server says, up to an answer that is to be lost."""
        loses = False
        with suppress(OSError):
            while said := server.recv(65_536):
                loses = loses or SWALLOW.encode() in said
                since = said.rpartition(SWALLOW.encode())[-1]
                loses = loses and _FAILED not in since
                if loses and _ENDED in since:
                    self.lost += 1
                    return
                client.sendall(said)


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        while said := client.recv(65_536):
            server.sendall(said)
    _hang_up(client, server)


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
