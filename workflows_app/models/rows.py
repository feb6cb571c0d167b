"""Queries over arrays, written in SQL: one text and one plan, whatever the number of rows.

What `models.reading` compiles from the ORM answers for one row; these answer for all that a turn holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, models

from workflows_app.models import copies
from workflows_app.models.pipeline import Reply, RoundTrip, round_trip

M = TypeVar("M", bound=models.Model)


class Sent(Protocol):
    """Something that can be sent together with others."""

    def send(self, trip: RoundTrip) -> None: ...


@dataclass
class Tuples:
    """A statement and its values; `rows` gives what it returned."""

    text: str
    values: Sequence[Any] = ()
    _reply: Reply | None = field(default=None, repr=False)

    def send(self, trip: RoundTrip) -> None:
        self._reply = trip.execute(self.text, self.values)

    def rows(self) -> list[tuple[Any, ...]]:
        assert self._reply is not None, "it was not sent"
        return self._reply.rows()

    def execute(self) -> None:
        """Send it alone."""
        send_together(self)

    def read(self) -> list[tuple[Any, ...]]:
        """Send it alone, and return its rows."""
        send_together(self)
        return self.rows()


@dataclass
class Instances(Generic[M]):
    """A statement that returns the columns of some fields of `model`, after those named in `extra`.

    `{columns}` in the text stands for the fields' columns, of the table known as `alias`. What is not
    among `names` is read when it is asked for. Values in `extra` become attributes of the instances.
    """

    text: str
    values: Sequence[Any]
    model: type[M]
    names: tuple[str, ...]
    alias: str
    extra: Sequence[str] = ()
    _sent: Tuples | None = field(default=None, repr=False)

    def send(self, trip: RoundTrip) -> None:
        columns = ", ".join(
            f'{self.alias}."{item.column}"' for item in _fields(self.model, self.names)
        )
        self._sent = Tuples(self.text.replace("{columns}", columns), self.values)
        self._sent.send(trip)

    def rows(self) -> list[M]:
        assert self._sent is not None, "it was not sent"
        fields = _fields(self.model, self.names)
        attributes = [*self.extra, *(item.attname for item in fields)]
        first = len(self.extra)
        json_at = [n for n, item in enumerate(fields, first) if isinstance(item, models.JSONField)]
        found = []
        for row in self._sent.rows():
            values = list(row)
            for place in json_at:
                if values[place] is not None:
                    values[place] = json.loads(values[place])
            found.append(copies.read(self.model, attributes, values))
        return found

    def read(self) -> list[M]:
        """Send it alone, and return its rows."""
        send_together(self)
        return self.rows()


@cache
def _fields(model: type[models.Model], names: tuple[str, ...]) -> list[Any]:
    """Return the fields in the model's order, as `from_db` wants them."""
    return [item for item in model._meta.concrete_fields if item.name in names]


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Return the columns of `rows` as arrays, to be unnested; so many empty ones if there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def send_together(*sent: Sent) -> None:
    """Send all in one round trip. Raises what the first one that failed raised, as Django's errors."""
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    with database.wrap_database_errors, round_trip(database.connection) as trip:
        for item in sent:
            item.send(trip)
