"""All rows that are written in the same way are one statement, and each is still its own (P4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, connection, models, transaction

from tests.models.rows import Rows
from workflows_app.models import (
    Event,
    EventInput,
    Evidence,
    Input,
    LaneState,
    Mutation,
    Reservation,
    Run,
)
from workflows_app.models.collecting import collected
from workflows_app.models.saving import insert, insert_all, save_with_history, update

pytestmark = pytest.mark.django_db

#: A key that the database has not drawn, and won't soon.
FREE = 10_000_000


def prepared_for(start: str) -> int:
    """Return how many texts with `start` in them this session has prepared."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE strpos(statement, %s) > 0", [start]
        )
        return int(cursor.fetchone()[0])


def newest(row: Any) -> Any:
    return row.history.order_by("-history_id").first()


def test_whatever_the_number_of_rows_it_is_one_text_that_postgresql_prepares_once(
    rows: Rows,
) -> None:
    events = [rows.event() for _ in range(20)]
    for number in (1, 2, 9, 20, 3, 20):
        with collected():
            for event in events[:number]:
                event.revision += 1
                save_with_history(event, reason="changed", fields=["revision", "created_by"])

    revisions = [Event.objects.get(pk=event.pk).revision for event in (events[0], events[-1])]
    assert revisions == [7, 3]
    # Nothing else changes just these two.
    assert prepared_for('SET "revision" = given."revision", "created_by_id" =') == 1


def test_each_row_has_its_own_values_reason_and_person(rows: Rows) -> None:
    people = [User.objects.create_user(name) for name in ("olga", "petra")]
    events = [rows.event() for _ in range(3)]
    with collected():
        for number, (event, actor) in enumerate(zip(events, [*people, None], strict=True)):
            event.revision = 10 + number
            save_with_history(event, reason=f"why {number}", actor=actor, fields=["revision"])

    kept = [newest(event) for event in events]
    assert [(row.revision, row.history_change_reason, row.history_user) for row in kept] == [
        (10, "why 0", people[0]),
        (11, "why 1", people[1]),
        (12, "why 2", None),
    ]
    assert len({row.history_date for row in kept}) == 1


def test_new_rows_keep_their_keys_or_are_given_one_each_in_order(rows: Rows) -> None:
    keys = [None, FREE + 1, None, FREE, None]
    events = [
        Event(pk=key, topic=rows.topic, message_id=str(number), payload=number)
        for number, key in enumerate(keys)
    ]
    with collected():
        for event in events:
            save_with_history(event, reason=f"as {event.message_id}")

    assert [events[1].pk, events[3].pk] == [FREE + 1, FREE]
    assert events[0].pk < events[2].pk < events[4].pk < FREE
    for event in events:
        assert Event.objects.get(pk=event.pk).payload == event.payload
        assert newest(event).history_change_reason == f"as {event.message_id}"


def test_rows_without_history_are_inserted_together_however_they_come(rows: Rows) -> None:
    run = rows.run()
    first, *others = [Reservation(run=run, event=rows.event()) for _ in range(12)]
    others[0].pk = FREE
    with collected():
        insert_all([])
        insert(first)
        insert_all(others[:3])
        insert_all(others[3:])

    assert others[0].pk == FREE
    for row in (first, *others):
        assert Reservation.objects.get(pk=row.pk).event_id == row.event_id


def test_rows_that_are_inserted_together_need_not_give_the_same_fields(rows: Rows) -> None:
    bare = {"workflow": rows.workflow, "source": "erp", "type": "invoice"}
    insert_all(
        [
            Input(**bare, external_id="1"),
            Input(**bare, external_id="2", title="Rent"),
            Input(**bare, external_id="3"),
        ]
    )

    assert list(Input.objects.order_by("pk").values_list("external_id", "title")) == [
        ("1", ""),
        ("2", "Rent"),
        ("3", ""),
    ]


def test_of_rows_that_may_be_there_only_the_new_ones_get_a_key(rows: Rows) -> None:
    there = rows.cause()
    new = EventInput(event=rows.event(), input=there.input)
    again = EventInput(event=there.event, input=there.input)
    with collected():
        insert_all([again, new], unless_there=True)

    assert again.pk is None
    assert EventInput.objects.get(pk=new.pk).event == new.event
    assert EventInput.objects.count() == 2


def test_an_update_is_made_only_of_rows_that_are_as_they_were(rows: Rows) -> None:
    mine, changed = rows.run(), rows.run("committed", title="Pay 42")
    before = [
        {"status": Run.Status.ACTIVE, "ended_at": None},
        {"status": "active", "ended_at": None},
    ]

    with collected():
        mine.title = "Pay 41"
        save_with_history(mine, reason="why", fields=["title"], was=before[0])
    assert newest(mine).title == "Pay 41"

    with pytest.raises(DatabaseError, match=r"Not 2, but 1 rows were written\."):
        _change_both(mine, changed, before)
    titles = Run.objects.order_by("pk").values_list("title", flat=True)
    assert list(titles) == ["Pay 41", "Pay 42"]
    assert not Run.history.filter(title="no").exists()


def _change_both(mine: Run, changed: Run, before: list[dict[str, Any]]) -> None:
    with transaction.atomic(), collected():
        for run, was in zip((mine, changed), before, strict=True):
            run.title = "no"
            save_with_history(run, reason="why", fields=["title"], was=was)


def test_the_old_value_may_be_one_that_changes(rows: Rows) -> None:
    event = rows.event()
    for old, new in ((1, 2), (2, 3)):
        event.revision = new
        save_with_history(event, reason="why", fields=["revision"], was={"revision": old})

    event.revision = 4
    with pytest.raises(DatabaseError, match=r"Not 1, but 0 rows"), transaction.atomic():
        save_with_history(event, reason="why", fields=["revision"], was={"revision": 2})
    assert Event.objects.get(pk=event.pk).revision == 3


def test_after_a_row_that_was_refused_it_is_still_to_be_inserted(rows: Rows) -> None:
    rows.event(message_id="42")
    event = Event(topic=rows.topic, message_id="42", payload=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        save_with_history(event, reason="taken")

    event.message_id = "43"
    save_with_history(event, reason="free")
    assert Event.objects.get(pk=event.pk).message_id == "43"


ODD = "quote \" ' back\\slash \\u0041 %s $1 {} tab\t line\r\n 😀 \u2028 é \x7f "
PAYLOADS = [
    ODD,
    {ODD: [ODD, {"": None, "deep": [[[{"x": [True, False, None]}]]]}]},
    [2**63, -(2**70), 0.1, 1e-7, 3.141592653589793],
    {},
    [],
    0,
    False,
    "null",
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: str(payload)[:20])
def test_json_comes_back_as_it_was(rows: Rows, payload: Any) -> None:
    event = Event(topic=rows.topic, message_id=ODD.strip(), payload=payload)
    save_with_history(event, reason=ODD)

    stored = Event.objects.get(pk=event.pk)
    assert (stored.payload, stored.message_id) == (payload, ODD.strip())
    assert type(stored.payload) is type(payload)
    assert (newest(event).payload, newest(event).history_change_reason) == (payload, ODD)


def test_columns_come_back_as_they_were(rows: Rows) -> None:
    dates = [datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
    run = rows.run("failed")
    run.ended_at = dates[0]
    run.failure_message, run.fencing_token, run.owes_retry = ODD, 2**63 - 1, True
    run.started_at, run.retry_due_at = dates
    save_with_history(run, reason="why")

    for stored in (Run.objects.get(pk=run.pk), newest(run)):
        assert [stored.started_at, stored.retry_due_at, stored.ended_at] == [*dates, dates[0]]
        texts_and_numbers = (stored.failure_message, stored.fencing_token, stored.owes_retry)
        assert texts_and_numbers == (ODD, 2**63 - 1, True)


def is_sql_null(model: type[models.Model], pk: int, column: str) -> bool:
    return model._default_manager.filter(pk=pk, **{f"{column}__isnull": True}).exists()


def test_nothing_is_null_where_null_may_be_and_json_s_null_elsewhere(rows: Rows) -> None:
    lane = rows.lane()
    lane.state = {"seen": 1}
    lane.save()
    lane.state = None
    mutation = Mutation(
        run=rows.run(),
        mutator="bank.pay",
        params=None,
        idempotency_key="k",
        sent_at=datetime.now(UTC),
    )
    with collected():
        update(lane, ["state"])
        save_with_history(mutation, reason="why")
    with collected():
        save_with_history(mutation, reason="again", fields=["params", "result"])

    assert is_sql_null(LaneState, lane.pk, "state")
    assert is_sql_null(Mutation, mutation.pk, "result")
    assert Mutation.objects.get(pk=mutation.pk).params is None
    assert [row.params for row in mutation.history.all()] == [None, None]


@pytest.mark.parametrize("bad", ["a\x00b", "half \ud83d"], ids=["NUL", "half a surrogate pair"])
@pytest.mark.parametrize("where", ["payload", "message_id"])
def test_a_text_that_postgresql_can_not_keep_fails_all(rows: Rows, bad: str, where: str) -> None:
    good = Event(topic=rows.topic, message_id="good", payload=1)
    given: dict[str, Any] = {"message_id": "bad", "payload": 1, where: bad}

    def publish() -> None:
        with transaction.atomic(), collected():
            save_with_history(good, reason="published")
            save_with_history(Event(topic=rows.topic, **given), reason="published")

    with pytest.raises(DatabaseError):
        publish()
    assert not Event.objects.exists()
    assert not Event.history.exists()


def test_dates_that_fields_set_themselves_are_stored_and_known(rows: Rows) -> None:
    entry = Input(workflow=rows.workflow, source="erp", type="invoice", external_id="1")
    evidence = Evidence(mutation=rows.mutation(rows.run()), kind="execute", verdict="unknown")
    with collected():
        insert_all([entry])
        insert(evidence)

    assert Input.objects.get(pk=entry.pk).created_at == entry.created_at
    assert Evidence.objects.get(pk=evidence.pk).created_at == evidence.created_at
