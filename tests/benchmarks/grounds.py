"""Where a round is run: in a copy of a database that was filled once, or on top of many events."""

from __future__ import annotations

import abc
import itertools

from tests.benchmarks.contenders import Contender
from tests.benchmarks.database import Server
from tests.benchmarks.loads import Load
from tests.benchmarks.programs import Program, python

_numbers = itertools.count()


class Ground(abc.ABC):
    """A place for the rounds of one contender with one load."""

    def __init__(self, server: Server, contender: Contender, load: Load) -> None:
        self.server, self.contender, self.load = server, contender, load

    @abc.abstractmethod
    def lay(self) -> None:
        """Prepare what all rounds share."""

    @abc.abstractmethod
    def begin(self) -> str:
        """Return a database with the load in it, for one round."""

    @abc.abstractmethod
    def end(self, database: str) -> None:
        """Remove what one round leaves behind."""

    def leave(self) -> None:
        """Remove what all rounds shared."""
        return

    def about(self) -> dict[str, int]:
        """Return what is worth knowing of it."""
        return {}


class FreshCopies(Ground):
    """Each round begins with the same rows: its database is a copy of one that was filled once."""

    def lay(self) -> None:
        template = self.contender.template(self.server, self.load)
        #: The database that the rounds copy.
        self.filled = self.server.create(f"filled_{next(_numbers)}", template=template)
        self.contender.fill(self.server, self.filled, self.load)

    def begin(self) -> str:
        return self.server.create(f"round_{next(_numbers)}", template=self.filled)

    def end(self, database: str) -> None:
        self.server.drop(database)

    def leave(self) -> None:
        self.server.drop(self.filled)


class FilledAnew(Ground):
    """Each round fills a database of its own, and what else there is, as a broker."""

    def lay(self) -> None:
        return

    def begin(self) -> str:
        template = self.contender.template(self.server, self.load)
        database = self.server.create(f"round_{next(_numbers)}", template=template)
        self.contender.fill(self.server, database, self.load)
        return database

    def end(self, database: str) -> None:
        self.contender.clear(self.server, database)
        self.server.drop(database)


class OnTop(Ground):
    """One database with many events in it, finished ("past") or held up ("held"); each round comes on top.

    It is filled once, since to copy it for each round would take longer than the rounds.
    """

    def __init__(
        self, server: Server, contender: Contender, load: Load, kind: str, events: int
    ) -> None:
        super().__init__(server, contender, load)
        self._kind, self._events = kind, events
        self._rounds = 0

    def lay(self) -> None:
        template = self.contender.template(self.server, self.load)
        self._database = self.server.create(self._kind, template=template)
        numbers = [str(self._events), str(self.load.payload_bytes)]
        command = python("-m", "tests.benchmarks.ours.fill", self._kind, *numbers)
        environment = self.server.environment(self._database) | self.load.environment()
        Program(command, environment).run(seconds=7200.0)

    def about(self) -> dict[str, int]:
        """Return how many finished events, held events and rows of history there are."""
        counted = {
            "finished_events": "SELECT count(*) FROM workflows_app_event WHERE status = 'consumed'",
            "held_events": "SELECT count(*) FROM workflows_app_event WHERE status = 'pending'",
            "history_rows": "SELECT sum(n) FROM (SELECT count(*) AS n FROM workflows_app_historicalevent"
            " UNION ALL SELECT count(*) FROM workflows_app_historicalrun"
            " UNION ALL SELECT count(*) FROM workflows_app_historicalmutation) counts",
        }
        with self.server.connect(self._database) as connection:
            found = {}
            for name, query in counted.items():
                row = connection.execute(query).fetchone()  # type: ignore[call-overload]
                found[name] = int(row[0])
        return found

    def begin(self) -> str:
        first = self._rounds * self.load.events
        self._rounds += 1
        self.contender.fill(self.server, self._database, self.load, first)
        return self._database

    def end(self, database: str) -> None:
        return

    def leave(self) -> None:
        self.server.drop(self._database)


def usual(server: Server, contender: Contender, load: Load) -> Ground:
    """Return where rounds on an empty database are run."""
    kind = FilledAnew if contender.keeps_outside else FreshCopies
    return kind(server, contender, load)
