"""The log lines of the project, as a story tells them."""

from __future__ import annotations

import logging
from typing import Any


class LogLines(logging.Handler):
    """The log lines since they were last taken."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._logger = logging.getLogger("workflows_app")

    def __enter__(self) -> None:
        self._level = self._logger.level
        self._logger.setLevel(logging.INFO)
        self._logger.addHandler(self)

    def __exit__(self, *error: Any) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("handler.wrote"):
            # Said once a process, of what a story lets others do in the middle of a handler.
            return
        error = f" ({record.exc_info[1]!r})" if record.exc_info else ""
        self._lines.append(f"{record.levelname} {record.getMessage()}{error}")

    def taken(self) -> list[str]:
        lines, self._lines = self._lines, []
        return lines
