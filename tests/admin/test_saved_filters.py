"""Saved filters: each person's own, of what the list takes, and no more than some."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.admin.addresses import told
from tests.conftest import logged_in
from workflows_app.admin.saved_filters import MOST
from workflows_app.models import SavedFilter

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/workflows_app/run/filters/"
QUERY = "status__exact=blocked&q=acme"


def save(client: Client, name: str, query: str = QUERY, address: str = ADDRESS) -> list[str]:
    return told(client.post(address, {"name": name, "query": query}))[-1:]


def test_what_can_not_be_saved_is_told(viewer: Client) -> None:
    assert save(viewer, " ") == ["Give the filter a name of 60 characters at most."]
    assert save(viewer, "x" * 61) == ["Give the filter a name of 60 characters at most."]
    assert save(viewer, "none", "p=3") == ["Choose a filter, or search, before you save."]
    assert save(viewer, "long", f"q={'a' * 3_000}") == [
        "Choose a filter, or search, before you save."
    ]
    for number in range(MOST):
        save(viewer, f"{number}")
    assert save(viewer, "one more") == ["You have 20 filters here. Forget one first."]
    assert save(viewer, "0", "q=changed") == ["“0” is saved for you."]
    assert SavedFilter.objects.count() == MOST


def test_nothing_is_saved_by_a_link_or_by_who_may_not_see_the_list(
    viewer: Client, django_user_model: Any
) -> None:
    assert viewer.get(f"{ADDRESS}?name=x&query={QUERY}").status_code == 405
    nobody = logged_in(django_user_model.objects.create_user("norbert", is_staff=True))
    assert nobody.post(ADDRESS, {"name": "x", "query": QUERY}).status_code == 403
    assert not SavedFilter.objects.exists()
