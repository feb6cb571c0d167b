"""The sweep comes every second to the workers of these tests, not every five: they wait for it often."""

from __future__ import annotations

from workflows_app import dispatch

dispatch.SWEEP_SECONDS = 1
