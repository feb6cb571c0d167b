"""Ctrl-C, SIGTERM, a closed terminal: a command ends soon, with 1, and says how far it had come."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from tests.commands.processes import Forked, forked
from tests.eventually import eventually
from tests.scenes import Scene
from workflows_app.management.interruption import interrupted_by_signals, is_interruption
from workflows_app.models import Event, OperatorAction, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

TOPIC = ("pay", "invoice.received")
BY = ("--actor", "olga", "--reason", "sent twice", "--no-input")
#: A COMMIT that nobody can stop any more, as one that waits for the disk.
_WAITS_AT_COMMIT = """
    CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(7);
        RETURN NULL;
    EXCEPTION WHEN query_canceled THEN
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON workflows_app_event
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit();
"""
ENDINGS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def somebody_waits() -> bool:
    """Tell whether another session waits for a lock of this one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted"
            " AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def interrupted_while_it_waits(
    process: Forked, *numbers: signal.Signals
) -> tuple[int | None, str, str]:
    """Return how it ended and what it said."""
    eventually(somebody_waits, True)
    for number in numbers:
        process.interrupt(number)
    return process.ended()


@pytest.mark.parametrize("number", ENDINGS)
def test_a_batch_of_decisions_tells_those_that_were_taken(
    scene: Callable[..., Scene], operator_user: User, number: signal.Signals
) -> None:
    play = scene()
    events = [play.publish(name) for name in ("41", "42", "43", "44")]

    with transaction.atomic():
        Event.objects.select_for_update().get(pk=events[2].pk)
        with forked("skip_events", *TOPIC, "--all-pending", *BY) as process:
            ended = interrupted_while_it_waits(process, number)

    assert ended == (
        1,
        f"event {events[0].pk}, message_id 41: “Skip event” decided\n"
        f"event {events[1].pk}, message_id 42: “Skip event” decided\n"
        "2 decided, 0 refused\n",
        "CommandError: Interrupted. Decided: 2, refused: 0; it stopped at 3 of 4."
        " The rest was not decided.\n",
    )
    decided = OperatorAction.objects.order_by("pk").values_list("event", flat=True)
    assert list(decided) == [events[0].pk, events[1].pk]


def test_programs_are_told_the_same(scene: Callable[..., Scene], operator_user: User) -> None:
    play = scene()
    first, second = (play.publish(name) for name in ("41", "42"))

    with transaction.atomic():
        Event.objects.select_for_update().get(pk=second.pk)
        with forked("skip_events", *TOPIC, "41", "42", *BY, "--format", "json") as process:
            code, out, _ = interrupted_while_it_waits(process, signal.SIGINT)

    action = OperatorAction.objects.get()
    assert code == 1
    assert json.loads(out) == {
        "dry_run": False,
        "done": [{"event": first.pk, "message_id": "41", "action": action.pk}],
        "refused": [],
    }


def test_a_second_ctrl_c_does_not_take_the_report_away(
    scene: Callable[..., Scene], operator_user: User
) -> None:
    event = scene().publish("41")

    with transaction.atomic():
        Event.objects.select_for_update().get(pk=event.pk)
        with forked("skip_events", *TOPIC, "41", *BY) as process:
            ended = interrupted_while_it_waits(process, signal.SIGINT, signal.SIGTERM)

    assert ended == (
        1,
        "0 decided, 0 refused\n",
        "CommandError: Interrupted. Decided: 0, refused: 0; it stopped at 1 of 1."
        " The rest was not decided.\n",
    )


def test_a_dry_run_has_changed_nothing(scene: Callable[..., Scene], operator_user: User) -> None:
    event = scene().publish("41")

    with transaction.atomic():
        Event.objects.select_for_update().get(pk=event.pk)
        with forked("skip_events", *TOPIC, "41", *BY, "--dry-run") as process:
            code, _, err = interrupted_while_it_waits(process, signal.SIGINT)

    assert (code, err) == (1, "CommandError: Interrupted. Nothing was changed.\n")


def test_a_file_of_events_tells_how_many_were_published_and_where_it_stopped(
    scene: Callable[..., Scene], tmp_path: Path
) -> None:
    held = scene().publish("3", {"amount": 1})
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f'{{"message_id": "{n}", "payload": {n}}}\n' for n in range(1, 5)))

    with transaction.atomic():
        Event.objects.select_for_update().get(pk=held.pk)
        with forked("publish_events", *TOPIC, file) as process:
            # Lines are published together, but not with one whose event somebody has locked.
            eventually(
                lambda: sorted(Event.objects.values_list("message_id", flat=True)), list("123")
            )
            ended = interrupted_while_it_waits(process, signal.SIGINT)

    assert ended == (
        1,
        "",
        "CommandError: Interrupted. Published: 2; it stopped at line 3. Publish the file again:"
        " what is there already stays as it is.\n",
    )
    assert set(Event.objects.values_list("message_id", flat=True)) == {"1", "2", "3"}


@pytest.fixture
def commits_that_wait() -> Iterator[None]:
    """Let a COMMIT of events wait, while somebody holds the lock 7."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITS_AT_COMMIT)
        yield
        cursor.execute("DROP FUNCTION wait_at_commit CASCADE")


def test_what_is_committed_as_it_is_interrupted_is_counted(
    scene: Callable[..., Scene], tmp_path: Path, commits_that_wait: None
) -> None:
    scene()
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f'{{"message_id": "{n}", "payload": {n}}}\n' for n in range(1, 4)))

    with ExitStack() as stack:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(7)")
            process = stack.enter_context(forked("publish_events", *TOPIC, file))
            eventually(somebody_waits, True)
            process.interrupt(signal.SIGINT)
        code, _, err = process.ended()

    assert (code, err) == (
        1,
        "CommandError: Interrupted. Published: 3; it stopped at line 3. Publish the file again:"
        " what is there already stays as it is.\n",
    )
    assert Event.objects.count() == 3


def test_a_deployment_tells_which_workflows_are_synced(operator_user: User) -> None:
    with transaction.atomic():
        Workflow.objects.create(slug="mute-2", title="Not committed")
        code = {"slugs": "mute-1 mute-2", "WORKFLOWS_DEMO": "0"}
        with forked("sync_workflows", "--actor", "olga", **code) as process:
            ended = interrupted_while_it_waits(process, signal.SIGINT)
        transaction.set_rollback(True)

    assert ended[0] == 1
    assert ended[2].splitlines()[-1] == (
        "CommandError: Interrupted. Synced: 1 (mute-1). Run it again: what was done is found so."
    )
    assert [workflow.slug for workflow in Workflow.objects.all()] == ["mute-1"]


def test_a_report_that_changes_nothing_says_so(scene: Callable[..., Scene]) -> None:
    scene()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE workflows_app_run IN ACCESS EXCLUSIVE MODE")
        with forked("list_blocked") as process:
            ended = interrupted_while_it_waits(process, signal.SIGINT)

    assert ended == (1, "", "CommandError: Interrupted. Nothing was changed.\n")


def test_what_is_ignored_as_by_nohup_stays_so_and_the_rest_ends_a_command() -> None:
    before = {number: signal.getsignal(number) for number in ENDINGS}
    try:
        for number in ENDINGS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        interrupted_by_signals()

        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_what_goes_wrong_while_an_interrupted_command_clears_up_is_an_interruption() -> None:
    try:
        try:
            raise KeyboardInterrupt
        finally:
            raise OSError
    except OSError as error:
        clearing_up = error
    outer = ValueError()
    outer.__cause__ = clearing_up

    assert is_interruption(outer)
    assert not is_interruption(ValueError())
