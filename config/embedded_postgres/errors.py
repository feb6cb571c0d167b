"""What goes wrong with the embedded server, in one sentence with the remedy."""

from __future__ import annotations

import subprocess
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


class EmbeddedServerUnavailable(ImproperlyConfigured):
    """No embedded server can run here; the message says why and what to do."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(
            f"No embedded PostgreSQL can run in {directory} ({reason}):"
            " set DATABASE_URL=postgres://user:password@host:5432/name to use a server of your own,"
            " or EMBEDDED_POSTGRES_DIR to another directory."
        )


def describe(error: Exception) -> str:
    """Return what happened, on one line."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"{Path(error.cmd[0]).name} ended with exit code {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{Path(error.cmd[0]).name} did not end in time"
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
