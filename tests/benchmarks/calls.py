"""The one outside call that every contender makes: a POST on a connection that is kept alive."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Sequence
from queue import Empty, LifoQueue
from typing import Any

PORT_VARIABLE = "BENCH_OUTSIDE_PORT"

_idle: LifoQueue[http.client.HTTPConnection] = LifoQueue()


def request(verb: str, path: str) -> Any:
    """Send a request and return the answer's JSON. Threads share the connections."""
    try:
        connection = _idle.get_nowait()
    except Empty:
        connection = http.client.HTTPConnection("127.0.0.1", int(os.environ[PORT_VARIABLE]))
    connection.request(verb, path)
    answer = json.loads(connection.getresponse().read())
    _idle.put(connection)
    return answer


def reset(outside_ms: int = 0) -> None:
    """Let the outside system forget all effects, and answer after so many milliseconds from now on."""
    request("GET", f"/reset/{outside_ms}")


def effects_path(names: Sequence[str]) -> str:
    """Return the path of the one call that makes the effects of these events."""
    return f"/effects/{'+'.join(names)}"


def make_effects(names: Sequence[str]) -> Any:
    """Make the effects of the events of one run."""
    return request("POST", effects_path(names))
