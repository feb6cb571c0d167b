#!/usr/bin/env python
"""Django's command line for this project."""

import gc
import sys


def main() -> None:
    """Run a command; a fault of the configuration, or a database that is away, is told in a sentence."""
    # What is loaded stays: to look for garbage in it, again and again, is a seventh of a command's start.
    gc.disable()
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit("Interrupted.")


def _run() -> None:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import BaseCommand, ManagementUtility
    from django.db import Error

    from workflows_app.outages import outage_of, said_by_driver

    class Commands(ManagementUtility):
        def fetch_command(self, subcommand: str) -> BaseCommand:
            # All apps are loaded.
            gc.freeze()
            gc.enable()
            return super().fetch_command(subcommand)

    try:
        Commands(sys.argv).execute()
    except (ImproperlyConfigured, Error) as error:
        outage = outage_of(error)
        if "--traceback" in sys.argv or (isinstance(error, Error) and outage is None):
            raise
        sys.exit(f"{outage.value} ({said_by_driver(error)})" if outage else str(error))


if __name__ == "__main__":
    main()
