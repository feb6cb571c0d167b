"""The project as a worker loads it, before it is known which database, policy and workflows it is for.

To load it is most of what a worker computes until it works. So it is loaded once, in the process from which
the workers are forked; each of them then takes its own settings from its environment.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

import django
from django.conf import settings
from django.core.signals import setting_changed
from django.db import connections
from django.utils.log import configure_logging

from tests.crash.payments import SLUGS_VARIABLE
from tests.crash.processes import ENVIRONMENT

_NOWHERE = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing", SLUGS_VARIABLE: ""}


def load() -> None:
    """Load the project. Connects to no database, and knows no workflows yet."""
    os.environ |= ENVIRONMENT | _NOWHERE
    django.setup()
    # Commands are looked for, and loaded, when one is run.
    importlib.import_module("workflows_app.management.commands.run_worker")


def take_environment() -> None:
    """Let the settings be what the environment now says, and register the workflows that it names."""
    for name, value in _settings_of_environment().items():
        setattr(settings, name, value)
        setting_changed.send(sender=None, setting=name, value=value, enter=True)
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    connections.settings = connections.configure_settings(settings.DATABASES)
    for made in connections.all(initialized_only=True):
        del connections[made.alias]
    _read("tests.crash.workflows")


def _settings_of_environment() -> dict[str, object]:
    """Return the settings that are other than when the project was loaded."""
    _read("config.settings")
    fresh = vars(_read("tests.crash.settings"))
    loaded = {name: value for name, value in fresh.items() if name.isupper()}
    return {name: value for name, value in loaded.items() if getattr(settings, name, None) != value}


def _read(module: str) -> ModuleType:
    """Run a module that reads the environment again."""
    return importlib.reload(importlib.import_module(module))


load()
