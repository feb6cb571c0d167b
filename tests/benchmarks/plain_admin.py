"""Settings of a project with the same models and Django's own admin: what it would have without the console."""

from __future__ import annotations

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as _INSTALLED_APPS

INSTALLED_APPS = [
    name for name in _INSTALLED_APPS if not name.startswith(("unfold", "workflows_app.demo"))
]
ROOT_URLCONF = "tests.benchmarks.plain_addresses"
