"""No page costs more queries when there are more rows: neither a list nor a row's own page."""

from __future__ import annotations

from collections import Counter

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.admin.addresses import (
    HOME,
    SHOWN_TO_SUPERUSERS,
    WITH_HISTORY,
    history_of,
    list_of,
    old_versions_of,
    one_of_each,
    page_of,
)
from tests.admin.rows import add, stage
from tests.operations.readiness import everything

pytestmark = pytest.mark.django_db

FEW, MANY = 2, 14


def queries_by_address(client: Client, addresses: list[str]) -> dict[str, int]:
    counts = {}
    for address in addresses:
        with CaptureQueriesContext(connection) as queries:
            response = client.get(address)
        assert response.status_code == 200, address
        counts[address] = len(queries)
    return counts


def test_no_page_costs_more_queries_with_more_rows(operator_user: User, superuser: Client) -> None:
    at = stage(operator_user)
    add(at, FEW, "few")
    rows = [at.breaker, at.event, at.mutation, at.run, at.workflow, at.run.version]
    pages = [page_of(row) for row in [*rows, at.input]]
    pages += [page_of(row) for row in one_of_each(SHOWN_TO_SUPERUSERS)]
    pages += [history_of(row) for row in rows]
    pages += [old_versions_of(row)[-1] for row in rows]
    assert {type(row) for row in rows} == set(WITH_HISTORY)
    addresses = list(dict.fromkeys([HOME, *map(list_of, SHOWN_TO_SUPERUSERS), *pages]))
    # What is looked up once in the life of a process is looked up now: a test before may have had it forgotten.
    ContentType.objects.get_for_models(*apps.get_models())
    with_few = queries_by_address(superuser, addresses)

    add(at, MANY - FEW, "many")

    before = everything()
    assert queries_by_address(superuser, addresses) == with_few
    assert everything() == before, "who only looks changes nothing"
    assert max(with_few.values()) <= 30


def test_the_preview_of_a_bulk_action_costs_the_same_for_more_rows(
    operator_user: User, operator: Client
) -> None:
    at = stage(operator_user)
    add(at, 20, "more")
    numbers = list(type(at.run).objects.filter(status="blocked").values_list("pk", flat=True))
    assert len(numbers) == 21

    def count(chosen: list[int]) -> int:
        data = {"action": "bulk_it_didnt_happen", "_selected_action": chosen}
        with CaptureQueriesContext(connection) as queries:
            response = operator.post(list_of(type(at.run)), data)
        assert response.status_code == 200
        return len(queries)

    count(numbers[:2])
    assert count(numbers[:2]) == count(numbers)


def test_no_template_is_rendered_for_each_row(operator_user: User, superuser: Client) -> None:
    at = stage(operator_user)

    def rendered() -> Counter[str | None]:
        answer = superuser.get(list_of(type(at.run)))
        return Counter(each.name for each in answer.templates)

    add(at, 3, "few")
    with_few = rendered()
    add(at, 8, "more")

    assert rendered() == with_few
