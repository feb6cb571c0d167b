"""What the address of a list may ask for, and that all else leads back to the list with a sentence."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.views.main import ORDER_VAR
from django.contrib.auth.models import Group, User
from django.http import QueryDict
from django.test import Client, RequestFactory
from django.urls import resolve

from tests.admin.addresses import SHOWN_TO_SUPERUSERS, list_of, told
from tests.conftest import logged_in
from workflows_app.admin.parameters import WrongValue
from workflows_app.admin.seeing import seen_by
from workflows_app.models import Run

pytestmark = pytest.mark.django_db

#: What Django would make a lookup of, a join, a sort or a count, and what leads to its page about a
#: database that is set up wrongly.
NOT_OFFERED = [
    "payload__regex=(a%2B)%2B$",
    "created_at__year=0",
    "created_at__year=-1",
    "created_at__date=9999-99-99",
    "reason__iregex=x",
    "id__in=1,2",
    "pk=1",
    "workflow__slug__regex=.",
    "username__startswith=r",
    "status__isnull=0",
    "no_such_field=1",
    "e=1",
    "all=",
    "_facets=True",
    "_popup=1",
    "_to_field=id",
    "_source_model=1",
]
ALL_IS_SHOWN = "All of the list is shown."


def test_a_list_takes_nothing_but_what_it_offers(lived: Any, superuser: Client) -> None:
    # What a list may be asked for is told in one place: one list gets all of it, and each other a little.
    asked = [(Run, query) for query in NOT_OFFERED]
    asked += zip([*SHOWN_TO_SUPERUSERS, User, Group], itertools.cycle(NOT_OFFERED), strict=False)
    for model, query in asked:
        answer = superuser.get(f"{list_of(model)}?{query}")
        assert (answer.status_code, answer.url) == (302, list_of(model)), query
        name = query.partition("=")[0]
        assert told(answer)[-1:] == [f"This list has no filter “{name}”. {ALL_IS_SHOWN}"]


@pytest.mark.parametrize("model", [*SHOWN_TO_SUPERUSERS, User, Group])
def test_a_list_takes_all_that_its_own_filters_and_columns_offer(
    lived: Any, superuser: Client, model: type[Any]
) -> None:
    listed = superuser.get(list_of(model)).context["cl"]
    choices = [choice for spec in listed.filter_specs for choice in spec.choices(listed)]
    names = {name for choice in choices for name in QueryDict(choice.get("query_string", "?")[1:])}
    if any(header["sortable"] for header in result_headers(listed)):
        names.add(ORDER_VAR)
    assert names <= site.get_model_admin(model).offered(RequestFactory().get("/"))
    assert model is not User or "groups__isnull" in names


@pytest.mark.parametrize("term", ["a" * 201, "%00", "a%00b"])
def test_what_completes_a_word_finds_nothing_by_what_no_list_takes(
    lived: Any, superuser: Client, term: str
) -> None:
    field = "app_label=workflows_app&model_name=operatoraction&field_name=run"
    found = superuser.get(f"/admin/autocomplete/?{field}&term=pay")
    assert len(found.json()["results"]) == 3
    answer = superuser.get(f"/admin/autocomplete/?{field}&term={term}")
    assert answer.status_code == 400 or answer.json()["results"] == []


def test_rows_are_chosen_by_what_can_be_one(lived: Any, superuser: Client) -> None:
    actions = {Run: "bulk_it_didnt_happen", User: "delete_selected", Group: "delete_selected"}
    for model, action in actions.items():
        for chosen in ("x", "-1", "1.5", "1 or 1=1", "\0", "1_2F2", "💩", ""):
            sent = {"action": action, "_selected_action": chosen, "confirmed": "yes", "reason": "x"}
            assert superuser.post(list_of(model), sent).status_code == 404


def test_what_is_searched_for_has_an_end_and_who_may_not_search_is_told_nothing(
    superuser: Client,
) -> None:
    assert superuser.get(f"{list_of(Run)}?q={'a' * 200}").status_code == 200
    for model in [*SHOWN_TO_SUPERUSERS, User, Group]:
        answer = superuser.get(f"{list_of(model)}?q={'a' * 201}")
        assert (answer.status_code, answer.headers["Location"]) == (302, list_of(model))
        assert told(answer)[-1:] == [f"Search for 200 characters at most. {ALL_IS_SHOWN}"]
    staff = logged_in(User.objects.create_user("stan", is_staff=True))
    assert staff.get(f"{list_of(Run)}?payload__regex=x").status_code == 403


@pytest.fixture
def root(superuser: Client) -> Any:
    return User.objects.get(username="root")


def test_no_value_of_a_filter_and_no_search_ends_in_an_error(lived: Any, root: Any) -> None:
    # A name stands for the same filter in each list, but for what asks other columns there.
    asked: dict[tuple[str, type[Any] | None], type[Any]] = {}
    for model in [*SHOWN_TO_SUPERUSERS, User, Group]:
        for name in site.get_model_admin(model).offered(RequestFactory().get("/")):
            asked[name, model if name in ("lane", "outside", "o", "on", "q") else None] = model
    values, typed = ["rubbish", "9" * 40, "💩"], ["9" * 40 + "%'\\", "\x01(<é٣", "-1"]
    for (name, _), model in asked.items():
        for value in typed if name == "q" else values:
            _rows(model, {name: value}, root)


def _rows(model: type[Any], query: dict[str, str], person: User) -> None:
    """Let a list find its rows, without making its page."""
    request: Any = RequestFactory().get(list_of(model), query)
    request.user, request.resolver_match = person, resolve(request.path)
    model_admin: Any = site.get_model_admin(model)
    # What a page tells of these two is in tests/pages.
    with seen_by(request), contextlib.suppress(IncorrectLookupParameters, WrongValue):
        list(model_admin.get_changelist_instance(request).result_list)
