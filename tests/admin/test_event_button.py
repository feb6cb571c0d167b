"""The button of an event: allowed, denied, pressed twice, opened only, and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from tests.admin.addresses import page_of, text_of, told
from tests.conftest import logged_in
from workflows_app.models import Event, OperatorAction, Run
from workflows_app.testing import drain

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(scene: Callable[..., Any]) -> Event:
    """An event that waits to be paid."""
    event: Event = scene("applied").publish("42", {"amount": "12.50", "to": "ACME"})
    return event


def press(client: Client, event: Event, reason: str = "Cancelled by phone", **extra: Any) -> Any:
    data = {"_form_submitted": "True", "reason": reason}
    return client.post(page_of(event, "skip_event"), data, **extra)


def ledger(event: Event) -> tuple[Any, ...]:
    event = Event.objects.get(pk=event.pk)
    return (
        event.status,
        event.reserved_by,
        list(event.history.order_by("history_id").values_list("status", "history_change_reason")),
        OperatorAction.objects.count(),
        Run.objects.count(),
    )


def test_skip_event_excludes_it_for_good(
    event: Event, operator: Client, operator_user: User
) -> None:
    response = press(operator, event)

    assert (response.status_code, response.url) == (302, page_of(event))
    assert told(response) == ["Skip event: the event is skipped."]
    action = OperatorAction.objects.get()
    assert (action.operation, action.actor, action.reason, action.event, action.run) == (
        "skip_event",
        operator_user,
        "Cancelled by phone",
        event,
        None,
    )
    drain("pay")
    assert ledger(event) == (
        "skipped",
        None,
        [
            ("pending", "published by the application"),
            ("skipped", "Cancelled by phone"),
        ],
        1,
        Run.objects.filter(reservations=None).count(),
    )
    page = text_of(operator, page_of(event))
    assert "Skip event by olga" in page
    assert "Cancelled by phone" in page
    assert "What you can do" not in page


def test_a_second_press_is_told_who_skipped_it(
    event: Event, operator: Client, superuser: Client
) -> None:
    press(operator, event, "I was first")
    after_first = ledger(event)

    response = press(superuser, event, "I was second")

    assert ledger(event) == after_first
    (message,) = told(response)
    assert message.startswith(
        "Event 42 can't be skipped: it is no longer pending but skipped. olga decided “Skip event”"
    )
    assert message.endswith(": I was first")


def test_an_event_that_was_consumed_meanwhile_is_not_skipped(
    event: Event, operator: Client
) -> None:
    drain("pay")
    after = ledger(event)
    assert after[0] == "consumed"

    response = press(operator, event)

    assert told(response) == ["Event 42 can't be skipped: it is no longer pending but consumed."]
    assert ledger(event) == after


def test_the_dialog_says_what_is_skipped_and_that_it_is_for_good(
    event: Event, operator: Client
) -> None:
    page = operator.get(page_of(event, "skip_event")).content.decode()
    for words in (
        "No run will ever take this event",
        "This can&#x27;t be undone.",
        "ACME",
        "12.50",
    ):
        assert words in page
    assert "does not apply any more" not in page


def test_a_dialog_opened_too_late_says_so(event: Event, operator: Client) -> None:
    drain("pay")
    assert "This does not apply any more" in (
        operator.get(page_of(event, "skip_event")).content.decode()
    )


def test_opening_the_dialog_changes_nothing(event: Event, operator: Client) -> None:
    before = ledger(event)
    address = page_of(event, "skip_event")
    for method in (operator.get, operator.head, operator.options):
        assert method(address, {"_form_submitted": "True", "reason": "x"}).status_code == 200
    for method in (operator.put, operator.patch, operator.delete):
        method(address, {"reason": "x"}, content_type="application/json")
    assert ledger(event) == before


def test_without_a_proper_reason_nothing_happens(event: Event, operator: Client) -> None:
    before = ledger(event)
    for reason in ("", "   ", "\t\n", "a\x00b"):
        response = press(operator, event, reason)
        assert response.status_code == 200
        expected = "Null characters" if "\x00" in reason else "Say why: a reason is required."
        assert expected in response.content.decode()
        assert ledger(event) == before


def test_a_viewer_sees_no_button_and_is_denied(event: Event, viewer: Client) -> None:
    before = ledger(event)
    assert page_of(event, "skip_event") not in viewer.get(page_of(event)).content.decode()
    assert viewer.get(page_of(event, "skip_event")).status_code == 403
    assert press(viewer, event).status_code == 403
    assert ledger(event) == before


def test_who_may_skip_but_not_look_is_denied(event: Event) -> None:
    person = User.objects.create_user("eve", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="skip_event"))
    before = ledger(event)
    assert press(logged_in(person), event).status_code == 403
    assert ledger(event) == before


def test_a_stranger_is_sent_to_the_login(event: Event) -> None:
    before = ledger(event)
    response = press(Client(), event)
    assert response.status_code == 302
    assert response.url.startswith(reverse("admin:login"))
    assert ledger(event) == before


def test_a_post_without_a_csrf_token_is_refused(event: Event, operator_user: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator_user)
    before = ledger(event)
    assert press(strict, event).status_code == 403
    assert ledger(event) == before


def test_the_button_is_shown_while_the_event_is_pending(event: Event, operator: Client) -> None:
    assert page_of(event, "skip_event") in operator.get(page_of(event)).content.decode()
    drain("pay")
    assert page_of(event, "skip_event") not in operator.get(page_of(event)).content.decode()


def test_the_event_of_a_blocked_run_is_no_longer_pending(blocked: Run, operator: Client) -> None:
    event = Event.objects.get()
    page = text_of(operator, page_of(event))
    assert "Status Reserved by Pay invoice 42" in page
    assert "What you can do" not in page
    assert told(press(operator, event)) == [
        f"Event 42 can't be skipped: it is no longer pending but reserved by run {blocked.pk}."
    ]


def test_from_within_the_dialog_the_browser_is_sent_to_the_page(
    event: Event, operator: Client
) -> None:
    response = press(operator, event, headers={"HX-Request": "true"})
    assert (response.status_code, response.headers["HX-Redirect"]) == (200, page_of(event))


def test_an_event_that_is_not_there_is_not_found(operator: Client) -> None:
    for number in ("0", "99999999", "abc", "9" * 40):
        page = operator.get(f"/admin/workflows_app/event/{number}/skip-event/")
        assert page.status_code == 404, number
