"""Nothing can be added, changed or deleted by hand, not even by superusers (P4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import serializers
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.admin.addresses import (
    SHOWN_TO_SUPERUSERS,
    WITH_HISTORY,
    list_of,
    old_versions_of,
    one_of_each,
    page_of,
    text_of_answer,
)
from tests.admin.rows import add_alert
from tests.conftest import logged_in
from workflows_app.models import Run
from workflows_app.operations import pause_workflow
from workflows_app.waking import defer_advance

pytestmark = pytest.mark.django_db


@pytest.fixture
def everything(scene: Callable[..., Any], operator_user: Any) -> None:
    """One row of everything that the console shows."""
    play = scene("lost")
    run = play.happens()
    pause_workflow(run.workflow, actor=operator_user, reason="for a test")
    defer_advance(run.workflow_id)
    add_alert(run.workflow)


def all_rows() -> list[str]:
    """Return everything there is, to see whether a byte of it changed."""
    models = [*SHOWN_TO_SUPERUSERS, *(model.history.model for model in WITH_HISTORY)]
    return [
        serializers.serialize("json", model._default_manager.order_by("pk")) for model in models
    ]


def forged(row: Any) -> dict[str, Any]:
    """Return a form that would change every field of `row`, as a hand-made request would."""
    values = {field.name: "1" for field in row._meta.concrete_fields}
    return {**values, "status": "committed", "payload": "{}", "title": "forged", "_save": "Save"}


def test_somebody_who_decided_something_can_not_be_deleted(
    everything: None, superuser: Client, operator_user: Any
) -> None:
    address = reverse("admin:auth_user_delete", args=[operator_user.pk])
    answer = superuser.post(address, {"post": "yes"})
    assert "your account doesn't have permission to delete the following types of objects: " in (
        text_of_answer(answer)
    )
    operator_user.refresh_from_db()
    assert logged_in(operator_user).get(list_of(Run)).status_code == 200


def test_nothing_can_be_changed_added_deleted_or_brought_back(
    everything: None, superuser: Client
) -> None:
    before = all_rows()
    for row in one_of_each(SHOWN_TO_SUPERUSERS):
        adding, deleting = f"{list_of(type(row))}add/", page_of(row, "delete")
        # The theme adds forms of other rows to some pages.
        for address, form in (
            (page_of(row), forged(row)),
            (page_of(row), {}),
            (adding, forged(row)),
            (deleting, {"post": "yes"}),
        ):
            assert superuser.post(address, form).status_code == 403, address
        for address in (adding, deleting):
            assert superuser.get(address).status_code == 403, address
        chosen = {"_selected_action": [row.pk], "index": "0", "post": "yes"}
        table = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": row.pk}
        fields = {"form-0-title": "forged", "form-0-status": "committed", "_save": "Save"}
        actions = ("delete_selected", "retry", "cancel", "abort")
        for action in actions if isinstance(row, ProcrastinateJob) else actions[:1]:
            superuser.post(list_of(type(row)), {"action": action, **chosen, **table, **fields})
    for row in one_of_each(WITH_HISTORY):
        address = old_versions_of(row)[-1]
        for method in (superuser.post, superuser.put, superuser.patch, superuser.delete):
            assert method(address).status_code == 404
        assert superuser.post(address, forged(row)).status_code == 404
        assert superuser.post(address, {"_change_history": "1"}).status_code == 404
    assert all_rows() == before
