"""A list shows its rows as the theme would, cell by cell."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from unfold.templatetags.unfold_list import results

from tests.admin.addresses import SHOWN_TO_SUPERUSERS, list_of
from tests.admin.rows import add, stage
from workflows_app.admin.rows import listed
from workflows_app.admin.seeing import seen_by

pytestmark = pytest.mark.django_db


def test_the_cells_of_each_list_are_those_of_the_theme(
    operator_user: User, superuser: Client
) -> None:
    add(stage(operator_user), 3, "more")
    for model in SHOWN_TO_SUPERUSERS:
        answer = superuser.get(list_of(model))
        changelist = answer.context["cl"]
        with seen_by(answer.wsgi_request):
            theirs = [[str(cell) for cell in row] for row in results(changelist)]
            ours = [[str(cell) for cell in row] for row in listed(changelist)["rows"]]
        assert ours == theirs, model
        assert theirs
        assert all("".join(row) in answer.text for row in ours)
