"""What is written together: enough for a round trip to pay, never more than memory can hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from workflows_app.publishing.entries import Entry

CHUNK_LENGTH = 1000
#: Of the payloads as JSON; one that is larger is a chunk of its own.
CHUNK_BYTES = 4 * 1024 * 1024

T = TypeVar("T")


def chunks_of(items: Iterable[T]) -> Iterator[list[T]]:
    """Give `items` in lists that are written together. Takes no more than one list at a time."""
    chunk: list[T] = []
    total = 0
    for item in items:
        size = item.size if isinstance(item, Entry) else 0
        if chunk and (len(chunk) == CHUNK_LENGTH or total + size > CHUNK_BYTES):
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += size
    if chunk:
        yield chunk
