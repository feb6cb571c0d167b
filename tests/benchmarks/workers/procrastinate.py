"""Procrastinate alone: one job a run, so many at once, no ledger and no history."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import procrastinate

from tests.benchmarks.calls import PORT_VARIABLE, effects_path
from tests.benchmarks.workers.publishing import at_an_even_rate

_QUEUE = "effects"
_idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=sys.argv[1], max_size=10))


@app.task(name="effects", queue=_QUEUE)
async def effects(names: list[str], payload: Any) -> None:
    if _idle:
        reader, writer = _idle.pop()
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ[PORT_VARIABLE]))
    writer.write(f"POST {effects_path(names)} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
    await reader.readuntil(b'{"ok":true}')
    _idle.append((reader, writer))


async def main(role: str, *arguments: str) -> None:
    async with app.open_async():
        if role == "fill":
            await app.schema_manager.apply_schema_async()
            jobs = json.loads(Path(arguments[0]).read_text())
            for start in range(0, len(jobs), 500):
                await effects.batch_defer_async(*jobs[start : start + 500])
        elif role == "publish":
            rate, events = float(arguments[0]), int(arguments[1])
            async for name, committed in at_an_even_rate(rate, events):
                await effects.defer_async(names=[name], payload=None)
                committed()
        else:
            await app.run_worker_async(
                queues=[_QUEUE], concurrency=int(arguments[0]), delete_jobs="successful"
            )


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[2:]))
