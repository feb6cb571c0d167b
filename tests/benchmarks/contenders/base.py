"""What a contender is: a way to fill a database, a worker, and how one sees that all is done."""

from __future__ import annotations

import abc

from tests.benchmarks.database import Server
from tests.benchmarks.loads import Load
from tests.benchmarks.programs import Program


class Contender(abc.ABC):
    """One way to do the work."""

    #: How one chooses it, and what it is called in tables.
    key: str
    name: str
    #: A table that its worker must read before it does anything.
    gate: str
    #: Counts what is not done yet; nothing may be left at the end.
    left: str
    #: It keeps work outside of the database too, so a copied database is not enough.
    keeps_outside = False

    def why_not(self) -> str:
        """Say what it lacks here, or nothing."""
        return ""

    def template(self, server: Server, load: Load) -> str:
        """Return the database that its own begin with, made if need be."""
        return "template1"

    @abc.abstractmethod
    def fill(self, server: Server, database: str, load: Load, first: int = 0) -> None:
        """Let the load wait for workers, its events named by numbers from `first` on."""

    @abc.abstractmethod
    def worker(self, server: Server, database: str) -> Program:
        """Return the worker, which works until it is told to stop."""

    def publisher(self, server: Server, database: str, rate: float, events: int) -> Program | None:
        """Return what publishes at an even rate and tells when each event was committed, if any."""
        return None

    def clear(self, server: Server, database: str) -> None:
        """Remove what it keeps outside of the database."""
        return
