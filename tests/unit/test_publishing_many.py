"""Many events at once: each as if it were published alone, for the price of a few statements (P2, P5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.engine.commits import round_trips
from tests.rivals import holding, queued
from tests.unit.declarations import consumer, producer, workflow
from workflows_app.errors import EventRefused, UnknownInput, UnknownTopic
from workflows_app.models import Arrival, Event, EventInput, Handler, Input, Run, Topic, Workflow
from workflows_app.publishing import (
    Entry,
    Published,
    chunks,
    publish,
    publish_many,
    register_input,
)
from workflows_app.sdk import EventRecord, InputRef
from workflows_app.testing import registered


def _supplier(self: Any, event: EventRecord) -> Any:
    return event.payload["supplier"] if isinstance(event.payload, dict) else ""


@pytest.fixture(autouse=True)
def flow(db: None) -> Iterator[Workflow]:
    """A workflow with a lane for each supplier in topic `in`, and topic `out` that nobody takes."""
    code = workflow(
        producers=[producer(publishes=["in", "out"])],
        consumers=[consumer(lane=_supplier)],
        policy={"json_max_bytes": 1000},
    )
    with registered(code):
        yield Workflow.objects.get(slug="flow")


def send(events: Iterable[Any], **given: Any) -> list[Published]:
    return publish_many(**{"workflow": "flow", "topic": "in", "events": events} | given)


def outcomes(published: list[Published]) -> list[tuple[str, str]]:
    return [(one.message_id, one.outcome) for one in published]


def stored() -> list[tuple[str, Any, int]]:
    return list(Event.objects.order_by("pk").values_list("message_id", "payload", "revision"))


def written() -> tuple[int, ...]:
    return tuple(
        model._default_manager.count()
        for model in (Event, Event.history.model, EventInput, Input, Arrival)
    )


def run_of(flow: Workflow) -> Run:
    return Run.objects.create(
        workflow=flow,
        handler=Handler.objects.get(kind="consumer"),
        version=flow.active_version,
        started_at=flow.created_at,
    )


def settled(flow: Workflow, message_id: str, status: str) -> Event:
    return Event.objects.create(
        topic=Topic.objects.get(name="in"),
        message_id=message_id,
        payload=1,
        status=status,
        reserved_by=run_of(flow) if status == "reserved" else None,
    )


def test_events_are_stored_in_the_order_given_each_with_history_and_a_cause() -> None:
    published = send([("2", {"supplier": "b"}), ("1", {"supplier": "a"})])

    events = Event.objects.order_by("pk")
    assert [(event.message_id, event.lane, event.status) for event in events] == [
        ("2", "b", "pending"),
        ("1", "a", "pending"),
    ]
    assert published == [Published(event.message_id, "new", event.pk) for event in events]
    for event in events:
        (row,) = event.history.all()
        assert (row.history_change_reason, row.history_type, row.payload) == (
            "published by the application",
            "+",
            event.payload,
        )
        assert [cause.external_id for cause in event.inputs.all()] == [event.message_id]


def test_each_is_told_what_became_of_it(flow: Workflow) -> None:
    send([("same", 1), ("other", 1)])
    for status in ("reserved", "consumed", "skipped"):
        settled(flow, status, status)

    published = send(
        [("new", 1), ("same", 1), ("other", 2), ("reserved", 2), ("consumed", 1), ("skipped", 2)]
    )

    assert outcomes(published) == [
        ("new", "new"),
        ("same", "unchanged"),
        ("other", "updated"),
        ("reserved", "too_late"),
        ("consumed", "too_late"),
        ("skipped", "too_late"),
    ]
    assert stored() == [
        ("same", 1, 1),
        ("other", 2, 2),
        ("reserved", 1, 1),
        ("consumed", 1, 1),
        ("skipped", 1, 1),
        ("new", 1, 1),
    ]


@pytest.mark.parametrize("status", ["consumed", "skipped"])
def test_publish_tells_the_same_of_one_event(flow: Workflow, status: str) -> None:
    settled(flow, "late", status)

    def told(message_id: str, payload: Any) -> str:
        event = publish(workflow="flow", topic="in", message_id=message_id, payload=payload)
        return event.outcome

    assert [told("4\\2", payload) for payload in (1, 1, True, 2)] == [
        "new",
        "unchanged",
        "updated",
        "updated",
    ]
    assert told("late", 1) == "too_late"
    assert stored()[-1] == ("4\\2", 2, 3)


def test_the_last_of_several_with_one_message_id_counts() -> None:
    send([("old", 1)])

    published = send([("42", 1), ("42", 1), ("42", 2), ("old", 3), ("old", 1), ("42", 3)])

    assert outcomes(published) == [
        ("42", "new"),
        ("42", "unchanged"),
        ("42", "updated"),
        ("old", "updated"),
        ("old", "updated"),
        ("42", "updated"),
    ]
    assert len({one.event_id for one in published if one.message_id == "42"}) == 1
    assert [(name, payload) for name, payload, _ in stored()] == [("old", 1), ("42", 3)]


def test_each_may_have_an_input_of_its_own_or_that_of_all() -> None:
    mail = register_input(workflow="flow", source="imap", type="mail", external_id="7")
    events = [
        {"message_id": "1", "payload": 1, "input": InputRef("erp", "file", "8")},
        {"message_id": "2", "payload": 1},
        ["3", 1],
        {"message_id": "1", "payload": 1, "input": InputRef("erp", "file", "9", "First")},
        {"message_id": "4", "payload": 1, "input": InputRef("erp", "file", "9", "Second")},
    ]

    send(events, input=mail)

    causes = Event.objects.order_by("message_id", "inputs__external_id")
    assert list(causes.values_list("message_id", "inputs__external_id")) == [
        ("1", "8"),
        ("1", "9"),
        ("2", "7"),
        ("3", "7"),
        ("4", "9"),
    ]
    assert Input.objects.get(external_id="9").title == "First"


def test_one_transaction_leaves_one_arrival_a_lane() -> None:
    send((str(n), {"supplier": f"s{n % 3}"}) for n in range(1200))
    send([("x", {"supplier": "s1"}), ("y", {"supplier": "s9"})])
    send([("z", 1)], topic="out")

    lanes = Arrival.objects.values_list("topic__name", "lane")
    assert sorted(lanes, key=str) == [
        ("in", "s0"),
        ("in", "s1"),
        ("in", "s2"),
        ("in", "s9"),
        ("out", None),
    ]


def test_what_changes_nothing_leaves_no_arrival(flow: Workflow) -> None:
    send([("1", 1)])
    settled(flow, "2", "consumed")
    Arrival.objects.all().delete()

    send([("1", 1), ("2", 2)])

    assert not Arrival.objects.exists()


def test_the_host_is_woken_once(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        send((str(n), n) for n in range(1200))

    assert len(callbacks) == 1


def test_a_thousand_take_as_many_round_trips_as_one() -> None:
    def trips(tag: str, number: int, payload: int) -> int:
        return round_trips(lambda: send([(f"{tag}{n}", payload) for n in range(number)]))

    assert trips("a", 1000, 1) == trips("b", 1, 1)
    assert trips("a", 1000, 2) == trips("b", 1, 2)


REFUSED: dict[str, tuple[Any, str]] = {
    "no message id": (("", 1), "Event 1, message_id '': message_id must not be empty."),
    "no JSON": (
        ("42", {1}),
        "Event 1, message_id '42': payload is not JSON: set has no JSON form.",
    ),
    "too large": (
        ("42", "x" * 999),
        "Event 1, message_id '42': payload takes 1,001 bytes as JSON; at most 1,000 are allowed. Store"
        " the bulk elsewhere and keep a reference, or raise json_max_bytes, in WORKFLOWS or in the `policy` that overrides it.",
    ),
    "no lane": (
        ("42", {}),
        "Event 1, message_id '42': Take.lane can't name the lane of event '42' of topic 'in': it raised"
        " KeyError. It must return a text of at most 200 characters.",
    ),
    "no input": (
        {"message_id": "42", "payload": 1, "input": "7"},
        "Event 1, message_id '42': The input given is not a registered input of workflow 'flow'. Register"
        " it first and pass what `register_input` returned.",
    ),
    "no payload": ({"message_id": "42"}, "Event 1, message_id None: it has no 'payload'."),
    "no event": (
        "42",
        "Event 1, message_id None: it must be a pair of message_id and payload, or a mapping with both,"
        " not str.",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_one_that_is_refused_is_named_and_nothing_is_written(
    fault: str, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    wrong, message = REFUSED[fault]
    before = written()

    with django_capture_on_commit_callbacks() as callbacks, pytest.raises(EventRefused) as refused:
        send([("1", 1), wrong, ("3", 1)])

    assert str(refused.value) == message
    assert refused.value.index == 1
    assert written() == before
    assert callbacks == []


def test_nothing_is_written_of_many_if_one_of_the_last_is_refused() -> None:
    before = written()

    with transaction.atomic():
        with pytest.raises(
            EventRefused, match=r"^Event 1100, message_id 1100: message_id must be text"
        ):
            send((str(n) if n != 1100 else n, n) for n in range(1200))
        # The caller's transaction can go on.
        assert written() == before


def test_an_unknown_topic_or_a_wrong_input_of_all_is_no_fault_of_an_event() -> None:
    with pytest.raises(UnknownTopic):
        send([], topic="inn")
    with pytest.raises(UnknownInput):
        send([("1", 1)], input="7")


def test_no_events_are_no_work() -> None:
    before = written()
    assert send([]) == []
    assert written() == before


def test_what_is_read_of_an_iterator_is_written_before_the_rest_is_read() -> None:
    """So a caller may publish more than memory can hold."""
    seen: list[int] = []

    def events() -> Iterator[tuple[str, int]]:
        for number in range(2400):
            if number % 1200 == 0:
                seen.append(Event.objects.count())
            yield str(number), number

    send(events())

    assert seen == [0, 1000]


def test_what_is_written_together_has_an_end_by_its_size_too(monkeypatch: Any) -> None:
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 10)
    topic = Topic.objects.get(name="in")
    ref = InputRef("erp", "file", "8")
    entries = [Entry(topic, str(n), "x", "", ref, n) for n in (4, 6, 3, 20, 5, 5)]

    assert [[entry.message_id for entry in chunk] for chunk in chunks.chunks_of(entries)] == [
        ["4", "6"],
        ["3"],
        ["20"],
        ["5", "5"],
    ]


@pytest.mark.django_db(transaction=True)
def test_what_is_reserved_meanwhile_is_too_late_and_keeps_no_lock(flow: Workflow) -> None:
    """The publisher waits for the row that a checkpoint takes, and lets go of it when it has seen why."""
    send([("1", 1), ("2", 1), ("3", 1)])
    run = run_of(flow)
    told: list[Any] = []

    def publisher() -> None:
        with transaction.atomic():
            told.extend(outcomes(send([("1", 2), ("2", 2), ("3", 2)])))
            with holding(
                "SELECT FROM workflows_app_event WHERE message_id = '2' FOR UPDATE NOWAIT"
            ):
                told.append("free")

    elsewhere: Any = connection.copy()
    elsewhere.set_autocommit(False)
    with closing(elsewhere), elsewhere.cursor() as cursor:
        cursor.execute(
            "UPDATE workflows_app_event SET status = 'reserved', reserved_by_id = %s"
            " WHERE message_id = '2'",
            [run.pk],
        )
        (rival,) = queued(publisher)
        elsewhere.commit()
        rival.result()

    assert told == [("1", "updated"), ("2", "too_late"), ("3", "updated"), "free"]
    assert stored() == [("1", 2, 2), ("2", 1, 1), ("3", 2, 2)]


@pytest.mark.django_db(transaction=True)
def test_two_who_publish_the_same_in_opposite_order_never_deadlock() -> None:
    """Both wait for the one that is being inserted elsewhere, and then meet."""
    names = [str(number) for number in range(300)]
    insert = (
        "INSERT INTO workflows_app_event (topic_id, message_id, payload, revision, status, created_at)"
        " SELECT id, '150', '{}', 1, 'pending', now() FROM workflows_app_topic WHERE name = 'in'"
    )
    with holding(insert):
        rivals = queued(
            lambda: send([(name, 1) for name in names]),
            lambda: send([(name, 1) for name in reversed(names)]),
        )
    told = [{one.outcome for one in rival.result()} for rival in rivals]

    assert {"new"} in told
    assert Event.objects.count() == 300
    assert Event.history.count() == 300
