"""What the address of a list may ask for, and that all else leads back to the list with a sentence."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory

from tests.admin.addresses import SHOWN, SHOWN_TO_SUPERUSERS, list_of, told
from tests.conftest import logged_in
from workflows_app.models import Run
from workflows_app.operations import skip_event

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


def test_no_list_of_the_ledger_is_sorted_by_what_has_no_index(lived: Any, viewer: Client) -> None:
    for model in SHOWN:
        newest_first = shown_by(viewer, model, "")
        for column in range(1, len(site.get_model_admin(model).list_display) + 1):
            answer = viewer.get(f"{list_of(model)}?o={column}")
            if answer.status_code == 200:
                by_number = sorted(newest_first)
                assert shown_by(viewer, model, f"?o={column}") in (newest_first, by_number)
            else:
                assert answer.status_code == 302


def shown_by(client: Client, model: Any, query: str) -> list[int]:
    answer = client.get(f"{list_of(model)}{query}")
    return [row.pk for row in answer.context["cl"].result_list]


def test_who_may_not_see_a_list_is_not_told_what_it_offers(lived: Any) -> None:
    staff = logged_in(User.objects.create_user("stan", is_staff=True))
    assert staff.get(f"{list_of(Run)}?payload__regex=x").status_code == 403


def test_no_value_of_a_filter_ends_in_an_error(lived: Any, superuser: Client) -> None:
    # A name stands for the same filter in each list, but for what asks other columns there.
    asked: dict[tuple[str, type[Any] | None], type[Any]] = {}
    for model in [*SHOWN_TO_SUPERUSERS, User, Group]:
        for name in site.get_model_admin(model).offered(RequestFactory().get("/")):
            asked[name, model if name in ("lane", "outside", "o", "on") else None] = model
    values = ["rubbish", "9" * 40, "-1", "%F0%9F%92%A9"]
    for ((name, _), model), value in itertools.product(asked.items(), values):
        answer = superuser.get(f"{list_of(model)}?{name}={value}")
        assert answer.status_code in (200, 302), (model, name, value)
        if answer.status_code == 302:
            problem = "A filter, or the page, has a value that this list does not know."
            assert told(answer)[-1:] == [f"{problem} {ALL_IS_SHOWN}"]


def test_what_is_searched_for_has_an_end(lived: Any, superuser: Client) -> None:
    for model in [*SHOWN_TO_SUPERUSERS, User, Group]:
        assert superuser.get(f"{list_of(model)}?q={'a' * 200}").status_code == 200
        answer = superuser.get(f"{list_of(model)}?q={'a' * 201}")
        assert (answer.status_code, answer.headers["Location"]) == (302, list_of(model))
        assert told(answer)[-1:] == [f"Search for 200 characters at most. {ALL_IS_SHOWN}"]


def test_every_link_of_a_filter_is_one_that_its_list_takes(
    lived: Any, scene: Callable[..., Any], superuser: Client, operator_user: User
) -> None:
    event = scene(slug="other").publish("1")
    skip_event(event, actor=User.objects.get(username="root"), reason="Not ours")
    followed: set[str] = set()
    for model in [*SHOWN_TO_SUPERUSERS, User]:
        page = superuser.get(list_of(model)).content.decode()
        links = {html.unescape(link) for link in re.findall(r'href="(\?[^"]+)"', page)}
        assert links, model
        offered = site.get_model_admin(model).offered(RequestFactory().get("/"))
        assert {
            name for link in links for name, _ in parse_qsl(link[1:], keep_blank_values=True)
        } <= offered, model
        for link in links - followed:
            assert superuser.get(list_of(model) + link).status_code == 200, link
        followed |= links


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
