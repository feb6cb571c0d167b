"""`manage.py drill`: cases whose truth is known, for a person to settle by the pages alone, and a score."""

from __future__ import annotations

import os
import signal
from typing import Any

from django.core.management.base import CommandError

from workflows_app.demo import places
from workflows_app.demo.database import NoDatabase, require_own
from workflows_app.demo.drill.playing import Drill
from workflows_app.demo.management.command import DemoCommand
from workflows_app.demo.processes import ChildEnded, EndedBySignal
from workflows_app.demo.serving import CannotServe, require_free
from workflows_app.demo.unattended import RUN_VARIABLE, run_in_a_fresh_database
from workflows_app.management.exits import ERROR

#: How the command ends that was told to end, as Ctrl-C does it. That is how a drill ends, too.
_ENDED = [128 + number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


class Command(DemoCommand):
    help = (
        "Try the console: 20 payments and webhooks of which nobody knows whether they happened, staged in a"
        " database of their own. Settle them by the console and the pages of the bank and the suppliers; each"
        " decision is judged as it is made, with its clicks and seconds. Ends a minute after all are settled,"
        " or by Ctrl-C, with the score. --verbosity 2 shows what the processes log."
    )

    def handle(self, **options: Any) -> None:
        try:
            require_own(is_mine=options["database_is_mine"])
            if run := os.environ.get(RUN_VARIABLE):
                is_logged = options["verbosity"] < 2
                Drill(run, options["seed"], options["port"], is_logged, self.tell).play()
            else:
                self._play_apart(options)
        except (NoDatabase, CannotServe, ChildEnded) as error:
            raise CommandError(str(error)) from None
        except EndedBySignal:
            raise SystemExit(ERROR) from None

    def _play_apart(self, options: dict[str, Any]) -> None:
        require_free(options["port"])
        told = [f"--{name}={options[name]}" for name in ("seed", "port", "verbosity")]
        mine = ["--database-is-mine"] if options["database_is_mine"] else []
        code = run_in_a_fresh_database(["drill", "--skip-checks", *told, *mine])
        if code in (0, *_ENDED):
            return
        if options["verbosity"] < 2 and places.last_log().exists():
            self.tell(f"What the processes logged: {places.last_log()}")
        raise SystemExit(code)
