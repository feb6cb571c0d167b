"""The outside system of the benchmark: a small HTTP server in a process of its own.

It answers at once, or as late as it was told at its last reset, and remembers when each effect was asked
for: at the end it can tell whether each event arrived exactly once, and how fast.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import calls
from tests.benchmarks.programs import ROOT, Program, python

_OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


class Records:
    """What was asked for since the last reset: each effect with its instant, in order."""

    def __init__(self) -> None:
        self.effects: list[tuple[str, float]] = []
        #: How long an answer takes.
        self.seconds = 0.0

    def reset(self, milliseconds: int) -> None:
        self.effects.clear()
        self.seconds = milliseconds / 1000

    def count(self) -> int:
        return len(self.effects)

    def report(self) -> dict[str, Any]:
        """Return how many, how many came twice, and the rate of the middle 80 % in a second."""
        number = len(self.effects)
        low, high = number // 10, number - 1 - number // 10
        seconds = self.effects[high][1] - self.effects[low][1] if high > low else 0.0
        distinct = len({name for name, _ in self.effects})
        return {
            "calls": number,
            "distinct": distinct,
            "twice": number - distinct,
            "rate": (high - low) / seconds if seconds else 0.0,
        }


class Connection(asyncio.Protocol):
    """One connection that is kept alive; requests have no body that matters."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            verb, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            answer = self._answer(verb, path)
            if verb == "POST" and self._records.seconds:
                loop = asyncio.get_running_loop()
                loop.call_later(self._records.seconds, self._transport.write, answer)
            else:
                self._transport.write(answer)

    def _answer(self, verb: str, path: str) -> bytes:
        records = self._records
        if verb == "POST" and path.startswith("/effects/"):
            now = time.time()
            names = path.removeprefix("/effects/").split("+")
            records.effects.extend((name, now) for name in names)
            return _OK
        if path.startswith("/reset/"):
            records.reset(int(path.removeprefix("/reset/")))
            return _OK
        looks = {
            "/count": records.count,
            "/report": records.report,
            "/effects": lambda: records.effects,
        }
        body = json.dumps(looks[path]()).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def serve(port_file: Path) -> None:
    records = Records()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(records), "127.0.0.1", 0, backlog=256)
    draft = port_file.with_suffix(".draft")
    draft.write_text(str(server.sockets[0].getsockname()[1]))
    os.replace(draft, port_file)
    await server.serve_forever()


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Run the outside system for a block; `calls` finds it by its environment variable."""
    with tempfile.TemporaryDirectory() as directory:
        port_file = Path(directory) / "port"
        program = Program(python("-m", "tests.benchmarks.outside", "--port-file", str(port_file)))
        process = subprocess.Popen(program.command, env=program.variables(), cwd=ROOT)
        try:
            while not port_file.exists():
                if process.poll() is not None:
                    raise RuntimeError("The outside system did not start.")
                time.sleep(0.02)
            os.environ[calls.PORT_VARIABLE] = port_file.read_text()
            yield
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True)
    asyncio.run(serve(parser.parse_args().port_file))
