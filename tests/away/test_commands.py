"""Commands while the database is away: one line, exit code 1, and what is known of what was done."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import get_commands
from django.db import connection

from tests.away.databases import Database
from tests.commands.console import Ran, run
from tests.scenes import Scene
from tests.secret_key import SECRET_KEY
from workflows_app.models import Event, OperatorAction, Run

WHO = ["--actor", "olga", "--reason", "as the bank says", "--no-input"]
#: Every command of ours, as it is called, and what it says of what was done.
CALLS = {
    "doctor": (["--fix"], "It had not looked at everything. What was fixed stays fixed."),
    "grant_role": (["console"], "Nothing was changed."),
    "list_blocked": ([], "Nothing was changed."),
    "publish_events": (["pay", "invoice.received"], "Nothing was changed."),
    "pause_workflows": (["pay", *WHO], "Nothing was changed."),
    "resume_workflows": (["pay", *WHO], "Nothing was changed."),
    "retire_workflow": (["pay", *WHO], "Nothing was changed."),
    "resolve_runs": (["1", "--operation", "skip_run", *WHO], "Nothing was changed."),
    "run_worker": (["--until-idle"], "What is left to do is still there."),
    "skip_events": (["pay", "invoice.received", "42", *WHO], "Nothing was changed."),
    "sync_workflows": (["--actor", "olga"], "Run it again: what was done is found so."),
    "trace": (["run", "1"], "Nothing was changed."),
}
#: They make a database of their own, and have their own sentence; `flush` is refused, database or not.
OTHERS = {"demo", "drill", "flush"}


def test_every_command_says_so_in_one_line(database: Database) -> None:
    ours = {name for name, app in get_commands().items() if app.startswith("workflows_app")}
    assert ours == set(CALLS) | OTHERS
    database.stop()

    for name, (arguments, what_now) in CALLS.items():
        ran = run(name, *arguments)
        assert (ran.code, ran.out) == (1, ""), name
        assert told(ran) == f"CommandError: The database can't be reached. {what_now}", name
        assert ran.err.endswith(
            "Is the server running on that host and accepting TCP/IP connections?)\n"
        )


def test_django_s_own_commands_say_so_too(database: Database) -> None:
    database.stop()

    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--skip-checks"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "SECRET_KEY": SECRET_KEY, "DEBUG": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("The database can't be reached. (connection failed: ")


def test_decisions_that_were_taken_before_are_told_and_the_one_in_hand_is_to_be_looked_up(
    olga: User, scene: Callable[..., Scene]
) -> None:
    runs = [scene("lost", slug=slug).happens(days=0) for slug in ("a", "b", "c", "d")]
    _hang_up_on("workflows_app_operatoraction", f"NEW.run_id = {runs[1].pk}")

    chosen = [run.pk for run in runs]
    ran = run("resolve_runs", *chosen, "--operation", "skip_run", *WHO)

    assert ran.code == 1
    assert ran.out == f"run {runs[0].pk}, workflow a: “Skip” decided\n1 decided, 0 refused\n"
    assert told(ran) == (
        "CommandError: The database can't be reached."
        f" Whether it was decided for run {runs[1].pk}, workflow b is not known: look before you"
        " decide again. 2 were not tried."
    )
    assert list(OperatorAction.objects.values_list("run_id", flat=True)) == [runs[0].pk]
    left = Run.objects.filter(pk__in=chosen[1:])
    assert list(left.values_list("status", flat=True)) == ["blocked"] * 3


def test_a_file_of_events_can_be_published_again_from_the_start(
    olga: User, scene: Callable[..., Scene], tmp_path: Path
) -> None:
    scene("applied")
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f'{{"message_id": "{n}", "payload": {n}}}\n' for n in range(1, 5)))
    _hang_up_on("workflows_app_event", "NEW.message_id = '3'")

    ran = run("publish_events", "pay", "invoice.received", file)

    assert (ran.code, ran.out) == (1, "")
    assert told(ran) == (
        "CommandError: The database can't be reached. It stopped at line 1. Publish the file again:"
        " what is there already stays as it is."
    )
    # The lines were published together, or not at all.
    assert _published() == []
    _let_be("workflows_app_event")
    assert run("publish_events", "pay", "invoice.received", file).code == 0
    assert _published() == ["1", "2", "3", "4"]


def told(ran: Ran) -> str:
    """Return the one line of a command's error, without what the driver said."""
    (line,) = ran.err.splitlines()
    return line.partition(" (")[0]


def _published() -> list[str]:
    return list(Event.objects.order_by("message_id").values_list("message_id", flat=True))


def _hang_up_on(table: str, when: str) -> None:
    """Let the server end each session that inserts such a row, in the middle of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
            f"CREATE TRIGGER hang_up BEFORE INSERT ON {table}"
            f" FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION hang_up()"
        )


def _let_be(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER hang_up ON {table}")
