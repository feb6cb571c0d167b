"""Contenders that are installed for the benchmark only, in an environment of their own."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

from tests.benchmarks.programs import PEERS

REDIS = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")


def lack_of_peers() -> str:
    """Say that the peers are not installed, or nothing."""
    return "" if PEERS.exists() else "it is not installed: `make bench-peers`"


def lack_of_redis() -> str:
    """Say that no Redis answers, or nothing."""
    address = urlsplit(REDIS)
    try:
        with socket.create_connection((address.hostname or "127.0.0.1", address.port or 6379), 2):
            return ""
    except OSError:
        return f"no Redis answers at {address.hostname}:{address.port} (REDIS_URL)"
