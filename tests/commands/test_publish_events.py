"""publish_events: all lines that are events get in, and the others are named by number (P2)."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from tests.commands.console import Ran, run
from tests.eventually import eventually
from tests.operations.readiness import everything
from tests.rivals import Rival, holding
from tests.scenes import Scene
from workflows_app.models import Event, Input
from workflows_app.publishing.writing import TopicWriter

pytestmark = pytest.mark.django_db

SceneMaker = Callable[..., Scene]
TO = ("publish_events", "pay", "invoice.received")


def lines(*records: Any) -> bytes:
    """Return each of `records` on a line; what is bytes stands as it is."""
    return b"".join(
        (record if isinstance(record, bytes) else json.dumps(record).encode()) + b"\n"
        for record in records
    )


def event(message_id: Any, payload: Any = None) -> dict[str, Any]:
    return {"message_id": message_id, "payload": payload}


def told(
    new: int = 0, updated: int = 0, unchanged: int = 0, too_late: int = 0, broken: int = 0
) -> str:
    """Return what the command says of these counts."""
    return (
        f"{new + updated} published ({new} new, {updated} updated), {unchanged} unchanged,"
        f" {too_late} too late, {broken} broken\n"
    )


def nested(number: int) -> dict[str, Any]:
    """Return an event as other systems send them: nested, with all kinds of values, some 30 KiB."""
    person = {"login": f"octo-{number}", "id": 2**40 + number, "site_admin": False, "email": None}
    commit = {
        "id": f"{number:040x}",
        "message": 'Größe “A” → 木\n\n\tline 2 \\ "quoted" \u2028 🎉' * 20,
        "author": {**person, "url": "https://api.example/users{/other}?a=b&c=%20"},
        "added": [f"src/{index}/ä.py" for index in range(40)],
        "weights": [0.1, -1.5e-9, 1e15, 0, -0.0, number],
        "empty": [{}, [], "", None],
    }
    deep: Any = commit
    for level in range(30):
        deep = {"level": level, "inner": [deep]}
    payload = {"action": "pushed", "sender": person, "commits": [commit] * 12, "deep": deep}
    return event(f"push-{number}", payload)


def test_every_line_becomes_an_event_with_an_input(scene: SceneMaker, tmp_path: Path) -> None:
    scene()
    file = tmp_path / "events.jsonl"
    whole = b'{"message_id": "4", "payload": [1e23, -1e23, 123456789012345678901.0, 0.5e3]}'
    file.write_bytes(
        lines(event("1", {"amount": 5}), event("2", [1, None]), event("3", "text"), whole)
    )

    assert run(*TO, file) == Ran(0, told(new=4), "")

    published = Event.objects.order_by("pk").values_list("message_id", "payload", "status")
    assert list(published) == [
        ("1", {"amount": 5}, "pending"),
        ("2", [1, None], "pending"),
        ("3", "text", "pending"),
        ("4", [10**23, -(10**23), 123456789012345678901, 500.0], "pending"),
    ]
    inputs = Input.objects.order_by("pk").values_list("source", "type", "external_id")
    assert list(inputs) == [("app", "invoice.received", name) for name in "1234"]


@pytest.mark.parametrize("argument", [(), ("-",)])
def test_without_a_file_it_reads_standard_input(scene: SceneMaker, argument: tuple[str]) -> None:
    scene()
    ran = run(*TO, *argument, stdin=lines(event("1"), event("2")))
    assert ran == Ran(0, told(new=2), "")
    assert Event.objects.count() == 2


def test_large_nested_payloads_come_out_as_they_went_in(scene: SceneMaker) -> None:
    scene()
    records = [nested(number) for number in range(25)]
    assert len(lines(records[0])) > 30_000

    assert run(*TO, stdin=lines(*records)) == Ran(0, told(new=25), "")

    stored = Event.objects.order_by("pk").values_list("message_id", "payload")
    assert [event(*row) for row in stored] == records


def test_publishing_again_changes_nothing(scene: SceneMaker) -> None:
    scene()
    content = lines(*(nested(number) for number in range(3)))
    run(*TO, stdin=content)
    before = everything()

    assert run(*TO, stdin=content) == Ran(0, told(unchanged=3), "")

    assert everything() == before


BROKEN = [
    (b"{", "no JSON: Expecting property name enclosed in double quotes at character 2\n"),
    (b"caf\xe9", "no UTF-8: byte 0xe9 at place 4\n"),
    (codecs.BOM_UTF8 + b" \xe9", "no UTF-8: byte 0xe9 at place 5\n"),
    ('{"message_id": "1"}'.encode("utf-16"), "no UTF-8: byte 0xff at place 1\n"),
    (b"\x00", "no JSON: "),
    (b"[" * 100_000, "it is nested too deeply\n"),
    *(
        (
            b'{"message_id": "1", "payload": [%s]}' % number,
            f"the number {number.decode()[:60]}{'…' * (len(number) > 60)} can't be kept exactly;"
            " give it as a text, in quotes\n",
        )
        for number in (
            b"12345678901234567.89",
            b"1e400",
            b"0e-99999999999999999999",
            b"-1e-400",
            b"0.1" + b"0" * 20 + b"1",
            b"9" * 5000,
        )
    ),
    (
        b'{"message_id": "1", "payload": {"a": {"b": 1, "b": 1, "c": 1}}}',
        "the key 'b' is there twice\n",
    ),
    (b" " * 20_000_000 + b"7", "it has over 16,777,216 bytes\n"),
    (b'["1", {}]', "must be a JSON object, not list"),
    (b"7", "must be a JSON object, not int"),
    ({"payload": {}}, "has no 'message_id'"),
    ({"message_id": "1"}, "has no 'payload'"),
    (event(7), "message_id must be text, not int."),
    (event(" "), "message_id must not be empty."),
    (event("1" * 201), "message_id has 201 characters; at most 200 are allowed."),
    (
        event("1", {"a": [{"b": "\x00"}]}),
        "payload.a[0].b is not JSON: it contains a NUL character.",
    ),
    (
        event("1", "\ud800"),
        "payload is not JSON: it contains half of a surrogate pair.",
    ),
    (b'{"message_id": "1", "payload": NaN}', "NaN is not a JSON number\n"),
    (
        event("1", "x" * 300_000),
        "payload takes 300,002 bytes as JSON; at most 262,144 are allowed. Store the bulk elsewhere",
    ),
]


def test_a_broken_line_is_told_by_number_and_loses_no_other(scene: SceneMaker) -> None:
    scene()
    broken = [line for line, _ in BROKEN]

    ran = run(*TO, stdin=lines(event("first"), b"", *broken, b"  \t", event("last")))

    assert (ran.code, ran.out) == (3, told(new=2, broken=len(BROKEN)))
    for number, ((_, problem), said) in enumerate(
        zip(BROKEN, ran.err.splitlines(keepends=True), strict=True), start=3
    ):
        assert said.startswith(f"line {number}: {problem}")
    assert list(Event.objects.order_by("pk").values_list("message_id", flat=True)) == [
        "first",
        "last",
    ]


def test_a_first_line_with_its_mark_and_a_last_one_without_its_end_are_read(
    scene: SceneMaker,
) -> None:
    scene()
    begun = codecs.BOM_UTF8 + lines(event("1"), event("2"))
    assert run(*TO, stdin=begun.rstrip()).out == told(new=2)


class Pipe(io.BytesIO):
    """What is written into it comes in pieces, which end anywhere."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(9_973)


def test_lines_are_published_in_lots_in_their_order(scene: SceneMaker) -> None:
    scene()
    records = [event(str(number), number) for number in range(1200)]
    records[700] = event(" ")

    ran = run(*TO, stdin=lines(*records))

    assert (ran.code, ran.out) == (3, told(new=1199, broken=1))
    assert ran.err == "line 701: message_id must not be empty.\n"
    assert run(*TO, "--dry-run", stdin=Pipe(lines(*records))).err == ran.err
    stored = Event.objects.order_by("pk").values_list("message_id", "payload")
    assert [event(*row) for row in stored] == records[:700] + records[701:]


class EndedByHand(io.BytesIO):
    """Somebody ends the command while it waits for more."""

    def read1(self, size: int | None = -1, /) -> bytes:
        if not (block := super().read1(size)):
            raise KeyboardInterrupt
        return block


def test_who_ends_it_is_told_which_line_was_the_last(
    scene: SceneMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene()

    def end(self: TopicWriter, entries: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TopicWriter, "write", end)
        told_so_far = run(*TO, stdin=io.BytesIO(lines(*map(event, "123")))).err
    assert "Published: 0; it stopped at line 1." in told_so_far
    assert run(*TO, stdin=EndedByHand(lines(*map(event, "123")))) == Ran(
        1,
        "",
        "CommandError: Interrupted. Published: 3; it stopped at line 3. Publish the file again:"
        " what is there already stays as it is.\n",
    )


def waiting_for_longer_than_a_lot_does() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '250 ms'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("option", "published"), [([], "123"), (["--dry-run"], "2")])
def test_a_dry_run_publishes_nothing_of_what_waits_for_somebody_either(
    scene: SceneMaker, tmp_path: Path, option: list[str], published: str
) -> None:
    held = scene().publish("2")
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines(*map(event, "123")))

    with holding("SELECT FROM workflows_app_event WHERE id = %s FOR UPDATE", held.pk):
        out = io.StringIO()
        command = Rival(partial(call_command, *TO, file, *option, stdout=out))
        eventually(waiting_for_longer_than_a_lot_does, 1)
        # Only the line that meets it waits.
        assert Event.objects.filter(message_id="1").exists() == (not option)
    command.result()

    said = told(new=2, updated=1)
    assert out.getvalue() == (said.replace("published", "would be published") if option else said)
    assert "".join(sorted(Event.objects.values_list("message_id", flat=True))) == published
    assert Event.objects.get(pk=held.pk).revision == (1 if option else 2)
