"""One migrated database for the processes that run tests side by side: to copy it takes a tenth of migrating."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from workflows_app.demo.database import drop


@contextmanager
def migrated_once(directory: Path) -> Iterator[None]:
    """Let the test database that is made in this block be a copy of what the first process here has migrated.

    `directory` is that of this run of the tests: all of its processes have it, and no other run.
    """
    test = connection.settings_dict["TEST"]
    with _alone(directory) as is_migrated:
        before, own = connection.settings_dict["NAME"], test["NAME"]
        template = f"test_{before}_migrated"
        if not is_migrated.exists():
            test["NAME"] = template
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            # Leaves it, and keeps it: what somebody is connected to can't be copied.
            connection.creation.destroy_test_db(before, verbosity=0, keepdb=True)
            test["NAME"] = own
            is_migrated.touch()
        test["TEMPLATE"] = template
        yield


def drop_migrated(directory: Path) -> None:
    """Drop what was copied. A process that comes to it later migrates once more."""
    with _alone(directory) as is_migrated:
        drop(connection.settings_dict["TEST"]["TEMPLATE"])
        is_migrated.unlink(missing_ok=True)


@contextmanager
def _alone(directory: Path) -> Iterator[Path]:
    """Let one process at a time into the block; give the file that is there when it is migrated."""
    with (directory / "migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory / "migrated"
