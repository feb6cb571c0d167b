"""The project's settings for the benchmark's processes."""

from __future__ import annotations

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as _INSTALLED_APPS

DEBUG = False
INSTALLED_APPS = [
    *[name for name in _INSTALLED_APPS if name != "workflows_app.demo"],
    "tests.benchmarks.ours",
    "tests.benchmarks.naive",
]
