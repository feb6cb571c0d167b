"""Arguments that are no text, terminals that lack letters, readers that are gone: no traceback."""

from __future__ import annotations

import json
import os
import pty
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from tests.commands.console import Ran, run
from tests.commands.processes import started
from tests.scenes import Scene
from workflows_app.models import Event, OperatorAction

SceneMaker = Callable[..., Scene]
OF = ("skip_events", "pay", "invoice.received")
BY = ("--actor", "olga", "--reason", "sent twice", "--no-input")
#: What Python makes of a byte that is no UTF-8.
BROKEN = "b\udcffss"


WITH_NO_TEXT = [
    ("skip_events", BROKEN, "invoice.received", "41", *BY),
    ("skip_events", "pay", BROKEN, "41", *BY),
    (*OF, "41", BROKEN, *BY),
    (*OF, "41", "--no-input", "--actor", BROKEN, "--reason", "sent twice"),
    (*OF, "41", "--no-input", "--actor", "olga", "--reason", BROKEN),
    ("publish_events", BROKEN, "invoice.received"),
    ("list_blocked", "--workflow", BROKEN),
    ("trace", "event", BROKEN, "--workflow", "pay"),
    ("doctor", "--workflow", BROKEN),
    ("sync_workflows", "--reason", BROKEN),
]


@pytest.mark.django_db
def test_an_argument_that_is_no_text_is_wrong_usage(scene: SceneMaker, operator_user: User) -> None:
    scene().publish("41")

    for arguments in WITH_NO_TEXT:
        assert run(*arguments) == Ran(
            2, "", "CommandError: The argument 'b\\udcffss' is not valid text: give it as UTF-8.\n"
        ), arguments
    assert OperatorAction.objects.count() == 0


@pytest.mark.django_db
def test_an_argument_with_a_nul_is_wrong_usage(scene: SceneMaker) -> None:
    assert run("list_blocked", "--workflow", "a\0b") == Ran(
        2, "", "CommandError: The argument 'a\\x00b' has a NUL character: leave it out.\n"
    )


@pytest.mark.django_db
def test_the_name_of_a_file_may_be_any_bytes(scene: SceneMaker, tmp_path: Path) -> None:
    scene()
    file = tmp_path / os.fsdecode(b"events-\xff.jsonl")
    file.write_text(json.dumps({"message_id": "1", "payload": None}) + "\n")

    assert run("publish_events", "pay", "invoice.received", file).code == 0
    assert Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_letters_that_a_terminal_lacks_or_obeys_are_told_by_their_numbers(
    scene: SceneMaker, operator_user: User
) -> None:
    event = scene().publish("→\x1b[2J")

    with started(*OF, "→\x1b[2J", *BY, PYTHONIOENCODING="latin-1") as process:
        out, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == [
        f"event {event.pk}, message_id \\u2192\\u27e6U+001B\\u27e7[2J: \\u201cSkip event\\u201d decided",
        "1 decided, 0 refused",
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_report_whose_reader_is_gone_ends_in_a_sentence(buffered: str) -> None:
    with started("doctor", PYTHONUNBUFFERED=buffered) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (
        1,
        "The output can't be written: Broken pipe. What was done stays done.\n",
    )


@pytest.mark.django_db(transaction=True)
def test_remarks_that_nobody_can_read_change_neither_the_work_nor_the_exit_code(
    scene: SceneMaker, operator_user: User, tmp_path: Path
) -> None:
    event = scene().publish("41")
    file = tmp_path / "events.jsonl"
    file.write_text(
        '{"message_id": "42", "payload": 1}\nbroken\n{"message_id": "43", "payload": 1}\n'
    )
    decided = f"event {event.pk}, message_id 41: “Skip event” decided\n1 decided, 1 refused\n"
    for arguments, ends in (
        (("publish_events", "pay", "invoice.received", file),
         (3, "2 published (2 new, 0 updated), 0 unchanged, 0 too late, 1 broken\n")),
        ((*OF, "41", "gone", *BY), (3, decided)),
        ((*OF, *BY), (2, "")),
        ((*OF, "41", *BY, "--nonsense"), (2, "")),
    ):  # fmt: skip
        with started(*arguments, redirect="2>/dev/full") as process:
            out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (*ends, "")
    assert Event.objects.filter(status="pending").count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("redirect", ["2>/dev/full", "2>&-"])
def test_a_question_that_nobody_can_read_is_answered_by_nobody(
    scene: SceneMaker, operator_user: User, redirect: str
) -> None:
    scene().publish("41")
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n")
    try:
        with started(*OF, "41", *BY[:-1], redirect=redirect, stdin=theirs) as process:
            assert process.wait(timeout=30) == 2
    finally:
        os.close(ours)
        os.close(theirs)

    assert Event.objects.get().status == "pending"
