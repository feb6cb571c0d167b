"""The one vocabulary of log lines: `noun.verb key=value ...`, on the logger `workflows_app`."""

from __future__ import annotations

import logging
from typing import Any

from workflows_app.models import Run

logger = logging.getLogger("workflows_app")


def log(what: str, run: Run, *, level: int = logging.INFO, **facts: Any) -> None:
    """Log that `what` happened to `run`. Never parameters or payloads: they may be private."""
    if logger.isEnabledFor(level):
        told = {"workflow": run.workflow.slug, "run": run.pk, **facts}
        logger.log(level, "%s %s", what, " ".join(f"{key}={value}" for key, value in told.items()))
