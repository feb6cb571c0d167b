"""Django's PostgreSQL backend, on the embedded server.

The setting `EMBEDDED_DIR` of the database names the data directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.backends.postgresql import base

from config.embedded_postgres.server import connection_params


class DatabaseWrapper(base.DatabaseWrapper):
    """Starts the server when the first connection needs it."""

    def get_connection_params(self) -> dict[str, Any]:
        directory = Path(self.settings_dict["EMBEDDED_DIR"])
        params: dict[str, Any] = super().get_connection_params()
        # The name of a test database must not be created here: Django does that.
        params |= connection_params(directory, self.settings_dict["EMBEDDED_NAME"])
        return params
