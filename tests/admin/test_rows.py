"""A list shows its rows as the theme would, and renders for each of them no more than its own values."""

from __future__ import annotations

from collections import Counter

import pytest
from django.contrib.auth.models import User
from django.test import Client
from unfold.templatetags.unfold_list import results

from tests.admin.addresses import SHOWN_TO_SUPERUSERS, list_of
from tests.admin.rows import add, stage
from workflows_app.admin.rows import listed
from workflows_app.admin.seeing import seen_by

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("query", ["", "?q=e"])
def test_the_cells_of_each_list_are_those_of_the_theme(
    operator_user: User, superuser: Client, query: str
) -> None:
    add(stage(operator_user), 3, "more")
    for model in SHOWN_TO_SUPERUSERS:
        answer = superuser.get(f"{list_of(model)}{query}")
        changelist = answer.context["cl"]
        with seen_by(answer.wsgi_request):
            theirs = [[str(cell) for cell in row] for row in results(changelist)]
            ours = [[str(cell) for cell in row] for row in listed(changelist)["rows"]]
        assert ours == theirs, model
        assert theirs or query
        assert all("".join(row) in answer.text for row in ours)


def test_no_template_is_rendered_for_each_row(operator_user: User, superuser: Client) -> None:
    at = stage(operator_user)

    def rendered() -> Counter[str | None]:
        answer = superuser.get(list_of(type(at.run)))
        return Counter(each.name for each in answer.templates)

    add(at, 3, "few")
    with_few = rendered()
    add(at, 8, "more")

    assert rendered() == with_few
