"""Saved filters: each person's own, of what the list takes, and no more than some."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin import site
from django.test import Client

from tests.admin.addresses import SHOWN_TO_SUPERUSERS, list_of, told
from tests.conftest import logged_in
from workflows_app.admin.saved_filters import MOST
from workflows_app.models import Event, Run, SavedFilter

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/workflows_app/run/filters/"
QUERY = "status__exact=blocked&q=acme"


def save(client: Client, name: str, query: str = QUERY, address: str = ADDRESS) -> list[str]:
    return told(client.post(address, {"name": name, "query": query}))[-1:]


def test_a_filter_is_saved_shown_to_its_person_and_forgotten(
    lived: Any, viewer: Client, operator: Client
) -> None:
    answer = viewer.post(
        ADDRESS, {"name": " ACME,  blocked ", "query": f"{QUERY}&p=2&payload__regex=x"}
    )
    assert (answer.status_code, answer["Location"]) == (302, f"{list_of(Run)}?{QUERY}")

    saved = SavedFilter.objects.get()
    assert (saved.person.username, saved.page, saved.name, saved.query) == (
        "viktor",
        "run",
        "ACME, blocked",
        QUERY,
    )
    page = viewer.get(f"{list_of(Run)}?{QUERY}").content.decode()
    link = f'<a class="ops-link" href="?{QUERY.replace("&", "&amp;")}" aria-current="true"><bdi>ACME, blocked</bdi>'
    assert link in page
    # Of several the one that is shown is marked.
    save(viewer, "other", "q=other")
    page = viewer.get(f"{list_of(Run)}?{QUERY}").content.decode()
    assert link in page
    assert '<a class="ops-link" href="?q=other"><bdi>other</bdi>' in page
    viewer.post(ADDRESS, {"forget": SavedFilter.objects.get(name="other").pk})
    assert "ACME, blocked" not in viewer.get(list_of(Event)).content.decode()
    assert "ACME, blocked" not in operator.get(list_of(Run)).content.decode()

    operator.post(ADDRESS, {"forget": saved.pk})
    assert SavedFilter.objects.exists()
    viewer.post(ADDRESS, {"forget": saved.pk})
    assert not SavedFilter.objects.exists()


def test_each_list_keeps_the_filters_of_its_own(lived: Any, superuser: Client) -> None:
    for model in SHOWN_TO_SUPERUSERS:
        query = "q=red" if site.get_model_admin(model).search_fields else "status__exact=sent"
        save(superuser, f"mine of {model.__name__}", query, address=f"{list_of(model)}filters/")
        page = superuser.get(f"{list_of(model)}?{query}").content.decode()
        assert re.findall("mine of ([A-Za-z]+)</bdi>", page) == [model.__name__]


def test_the_same_name_takes_the_new_filters(viewer: Client) -> None:
    save(viewer, "mine")
    assert save(viewer, "mine", "status__exact=failed") == ["“mine” is saved for you."]
    assert SavedFilter.objects.get().query == "status__exact=failed"


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
