"""Queries that are compiled once give what the query set gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DataError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.test.utils import CaptureQueriesContext

from tests.scenes import Scene
from workflows_app.models import Event, Reservation, Run
from workflows_app.models.reading import Compiled, together

pytestmark = pytest.mark.django_db

RUN = Compiled(
    lambda pk: Run.objects.select_related("handler", "mutation", "retry_of").filter(pk=pk)
)
EVENTS = Compiled(lambda ids: Event.objects.filter(pk__in=ids).order_by("-pk"))


@pytest.fixture
def runs(scene: Callable[..., Scene]) -> list[Run]:
    play = scene("applied")
    return [play.happens(name, {"n": [1, None, "é"]}, days=0) for name in ("a", "b", "c")]


def test_rows_are_those_of_the_query_set_with_all_that_is_related(runs: list[Run]) -> None:
    for run in runs:
        found = RUN.one(run.pk)
        with CaptureQueriesContext(connection) as queries:
            assert found.handler.name == "Pay"
            assert found.mutation.params == {"n": [1, None, "é"]}
            assert found.retry_of is None
        assert len(queries) == 0
        expected = Run.objects.get(pk=run.pk)
        for field in Run._meta.concrete_fields:
            assert getattr(found, field.attname) == getattr(expected, field.attname)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_tuple_is_as_long_as_it_is(runs: list[Run], number: int) -> None:
    keys = tuple(Event.objects.order_by("pk").values_list("pk", flat=True)[:number])

    assert [event.pk for event in EVENTS.all(keys)] == sorted(keys, reverse=True)


def test_annotations_are_there(runs: list[Run]) -> None:
    reserved = Compiled(
        lambda topic: (
            Event.objects.filter(topic=topic)
            .annotate(was_reserved=Exists(Reservation.objects.filter(event=OuterRef("pk"))))
            .order_by("pk")
        )
    )
    event = Event.objects.get(topic__name="invoice.received", message_id="a")

    assert [row.was_reserved for row in reserved.all(event.topic_id)] == [True, True, True]  # type: ignore[attr-defined]


def test_several_queries_go_together(runs: list[Run]) -> None:
    a, b, _ = runs
    first, second, third = together((RUN, (b.pk,)), (RUN, (-1,)), (RUN, (a.pk,)))

    assert (first, second, third) == ([b], [], [a])


def test_no_row_is_none_or_an_error(runs: list[Run]) -> None:
    assert RUN.first(-1) is None
    assert RUN.first(runs[0].pk) == runs[0]
    with pytest.raises(Run.DoesNotExist, match=r"There is no such run\."):
        RUN.one(-1)


def test_a_value_that_is_used_twice_is_put_in_twice(runs: list[Run]) -> None:
    near = Compiled(lambda pk: Run.objects.filter(Q(pk=pk) | Q(retry_of=pk)).order_by("pk"))

    assert near.all(runs[1].pk) == [runs[1]]


def test_an_error_of_the_database_is_django_s(runs: list[Run]) -> None:
    divided = Compiled(lambda pk: Run.objects.annotate(n=Value(1) / (F("pk") - pk)).filter(pk=pk))

    with pytest.raises(DataError, match="division by zero"), transaction.atomic():
        divided.all(runs[0].pk)
    with pytest.raises(DataError, match="division by zero"), transaction.atomic():
        together((divided, (runs[0].pk,)))


def test_what_does_not_vary_is_part_of_the_text_so_that_a_partial_index_will_do() -> None:
    pending = Compiled(
        lambda topic: Event.objects.filter(topic=topic, status="pending", message_id="50%s")
    )

    plan = pending.plan((1,))

    assert (plan.sql.count("$"), plan.sql.count("$1")) == (1, 1)
    assert "'pending'" in plan.sql
    assert "'50%s'" in plan.sql
    assert pending.all(1) == []
