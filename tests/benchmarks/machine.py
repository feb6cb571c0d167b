"""On what was measured: the machine, the server and the versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.database import Server
from tests.benchmarks.programs import PEERS, ROOT

_SETTINGS = ["fsync", "synchronous_commit", "shared_buffers", "max_connections", "wal_sync_method"]
_OURS = ["django", "psycopg", "procrastinate", "django-simple-history"]
_PEERS = ["dbos", "celery", "redis"]


def facts(server: Server) -> dict[str, Any]:
    """Return what a reader must know to compare the numbers with others."""
    ((version,),) = server.ask("SHOW server_version")
    return {
        "processors": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgres": str(version).split()[0],
        "embedded": not os.environ.get("DATABASE_URL"),
        "settings": dict(
            server.ask("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", _SETTINGS)
        ),
        "packages": {name: importlib.metadata.version(name) for name in _OURS} | _of_peers(),
        "commit": _commit(),
    }


def load_now() -> float:
    """Return how busy the machine is: what is ready to run, on average of the last minute."""
    return round(os.getloadavg()[0], 2)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _of_peers() -> dict[str, str]:
    """Return the versions of the peers, from their own environment."""
    if not PEERS.exists():
        return {}
    asked = f"import importlib.metadata as m; [print(m.version(n)) for n in {_PEERS!r}]"
    done = subprocess.run([PEERS, "-c", asked], capture_output=True, text=True, check=True)
    return dict(zip(_PEERS, done.stdout.split(), strict=True))


def _commit() -> str:
    """Return the commit that is measured, and whether files differ from it."""
    try:
        shown = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return shown.stdout.strip()
