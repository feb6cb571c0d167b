"""Every change leaves who, when, why, before and after; a reason is a text of any length (P4)."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django_fsm import FSMField
from simple_history.middleware import HistoryRequestMiddleware

from tests.models.rows import Rows
from workflows_app.models import Arrival, Event, EventInput, Input, Lease, Reservation, Run
from workflows_app.models.saving import save_with_history

LONG = "The bank was asked by telephone, and by letter. " * 50


def models_with_history() -> list[type[models.Model]]:
    found = apps.get_app_config("workflows_app").get_models()
    return [each for each in found if hasattr(each._meta, "simple_history_manager_attribute")]


def test_all_that_change_state_have_a_history() -> None:
    machines = {
        model.__name__
        for model in apps.get_app_config("workflows_app").get_models()
        if any(isinstance(field, FSMField) for field in model._meta.concrete_fields)
        and not model.__name__.startswith("Historical")
    }

    assert machines == {"Breaker", "Event", "Mutation", "Run", "Workflow"}
    assert machines <= {model.__name__ for model in models_with_history()}


@pytest.mark.parametrize("model", models_with_history(), ids=lambda model: model.__name__)
def test_a_reason_is_a_text_and_the_person_an_account(model: Any) -> None:
    fields = {field.name: field for field in model.history.model._meta.get_fields()}

    assert type(fields["history_change_reason"]) is models.TextField
    assert fields["history_user"].related_model is User


@pytest.mark.django_db
def test_a_change_is_kept_with_its_reason_its_person_and_both_states(rows: Rows) -> None:
    olga = User.objects.create_user("olga")
    event = rows.event()

    event.skip()
    save_with_history(event, reason=LONG, actor=olga, fields=["status", "reserved_by"])

    after, before = event.history.all()
    assert (before.status, before.history_type, before.history_user) == ("pending", "+", None)
    assert (after.status, after.history_type, after.history_user) == ("skipped", "~", olga)
    assert after.history_change_reason == LONG
    assert after.history_date > before.history_date


@pytest.mark.django_db
def test_a_reason_is_not_left_behind_for_the_next_change(rows: Rows) -> None:
    olga = User.objects.create_user("olga")
    event = rows.event()
    save_with_history(event, reason="first", actor=olga)

    event.save()

    assert [(row.history_change_reason, row.history_user) for row in event.history.all()] == [
        (None, None),
        ("first", olga),
        (None, None),
    ]


@pytest.mark.django_db
def test_a_reason_is_not_left_behind_by_a_save_that_failed(rows: Rows) -> None:
    rows.event(message_id="42")
    twice = Event(topic=rows.topic, message_id="42", payload={})
    with pytest.raises(IntegrityError), transaction.atomic():
        save_with_history(twice, reason="first", actor=User.objects.create_user("olga"))

    twice.message_id = "43"
    twice.save()

    (row,) = twice.history.all()
    assert (row.history_change_reason, row.history_user) == (None, None)


@pytest.mark.django_db
def test_a_change_that_is_rolled_back_leaves_no_history(rows: Rows) -> None:
    event = rows.event()
    with transaction.atomic():
        event.skip()
        save_with_history(event, reason="why")
        transaction.set_rollback(True)

    assert [row.status for row in event.history.all()] == ["pending"]


@pytest.mark.django_db
@pytest.mark.parametrize(("by_request", "name"), [(True, "petra"), (False, "")])
def test_in_a_web_request_the_person_is_the_one_who_asks_only_if_so_said(
    rows: Rows, by_request: bool, name: str
) -> None:
    event = rows.event()

    def view(request: HttpRequest) -> HttpResponse:
        save_with_history(event, reason="why", by_request=by_request)
        return HttpResponse()

    request = RequestFactory().get("/")
    request.user = User.objects.create_user("petra")
    HistoryRequestMiddleware(view)(request)

    newest = event.history.first()
    assert str(newest.history_user or "") == name


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["a decision", "history"])
def test_an_account_with_a_past_can_be_deactivated_but_not_deleted(rows: Rows, how: str) -> None:
    if how == "a decision":
        olga = rows.action().actor
    else:
        olga = User.objects.create_user("olga")
        save_with_history(rows.event(), reason="why", actor=olga)

    with pytest.raises(ProtectedError):
        olga.delete()

    olga.is_active = False
    olga.save()
    assert User.objects.get().username == "olga"


@pytest.mark.django_db
def test_an_account_without_a_past_can_be_deleted(rows: Rows) -> None:
    User.objects.create_user("olga").delete()

    assert not User.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "text"),
    [
        (lambda rows: rows.workflow, "pay"),
        (lambda rows: rows.version, "1.0"),
        (lambda rows: rows.topic, "pay: invoice.received"),
        (lambda rows: rows.handler, "pay: Pay"),
        (lambda rows: rows.event(message_id="42"), "42"),
        (lambda rows: rows.input(), "erp invoice 42"),
        (lambda rows: Input(title="Invoice 42", source="erp"), "Invoice 42"),
        (lambda rows: rows.run(title="Pay 42"), "Pay 42"),
        (lambda rows: Run(pk=7), "run 7"),
        (lambda rows: rows.mutation(rows.run()), "bank.pay"),
        (lambda rows: rows.mutation(rows.run(), target="account 4711"), "bank.pay account 4711"),
        (lambda rows: rows.evidence(), "execute 1: unknown"),
        (lambda rows: EventInput(event_id=1, input_id=2), "event 1 of input 2"),
        (lambda rows: Reservation(event_id=1, run_id=2), "event 1 by run 2"),
        (lambda rows: Arrival(topic_id=1), "arrival in topic 1"),
        (lambda rows: Lease(workflow_id=1, token=7), "lease 7 of workflow 1"),
        (lambda rows: rows.action(), "Pause by olga"),
    ],
)  # fmt: skip
def test_a_row_is_named_as_people_name_it(rows: Rows, row: Any, text: str) -> None:
    assert str(row(rows)) == text
