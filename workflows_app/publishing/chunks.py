"""What is written together: enough for a round trip to pay, never more than memory can hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TypeVar

from workflows_app.publishing.entries import Entry

CHUNK_LENGTH = 500
#: Of the payloads as JSON; one that is larger is a chunk of its own.
CHUNK_CHARACTERS = 4 * 1024 * 1024

T = TypeVar("T")


def chunks_of(items: Iterable[T]) -> Iterator[list[T]]:
    """Give `items` in lists that are written together. Takes no more than one list at a time."""
    chunk: list[T] = []
    characters = 0
    for item in items:
        size = len(json.dumps(item.payload)) if isinstance(item, Entry) else 0
        if chunk and (len(chunk) == CHUNK_LENGTH or characters + size > CHUNK_CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(item)
        characters += size
    if chunk:
        yield chunk
