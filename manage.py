#!/usr/bin/env python
"""Django's command line for this project."""

import sys


def main() -> None:
    """Run a command; a fault of the configuration, or a database that is away, is told in a sentence."""
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit("Interrupted.")


def _run() -> None:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import Error

    from workflows_app.outages import outage_of, said_by_driver

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, Error) as error:
        outage = outage_of(error)
        if "--traceback" in sys.argv or (isinstance(error, Error) and outage is None):
            raise
        sys.exit(f"{outage.value} ({said_by_driver(error)})" if outage else str(error))


if __name__ == "__main__":
    main()
