"""The database sessions of a worker, which lives longer than a request."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from django.db import DEFAULT_DB_ALIAS, connections

#: How long a session of a thread is kept, if the settings would have it end with each job.
_KEPT_SECONDS = 60


@contextlib.contextmanager
def own_sessions() -> Iterator[None]:
    """Keep the sessions of this process, whatever the settings say of requests, and without Django's pool.

    One that ended with each job would have to be opened for the next one, which would also have all of its
    statements planned anew: that takes longer than an event.
    """
    database = connections.settings[DEFAULT_DB_ALIAS]
    kept = ("CONN_MAX_AGE", "CONN_HEALTH_CHECKS", "OPTIONS")
    before = {name: database[name] for name in kept}
    if before["OPTIONS"].get("pool"):
        # The system checks may have taken one of its sessions, and it wants that back.
        connections[DEFAULT_DB_ALIAS].close()
    if database["CONN_MAX_AGE"] == 0:
        database |= {"CONN_MAX_AGE": _KEPT_SECONDS, "CONN_HEALTH_CHECKS": True}
    database["OPTIONS"] = {name: how for name, how in before["OPTIONS"].items() if name != "pool"}
    try:
        yield
    finally:
        database |= before
