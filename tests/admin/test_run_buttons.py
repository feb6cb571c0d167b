"""The buttons of a run: allowed, denied, pressed twice, opened only, and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.admin.addresses import page_of as row_page
from tests.conftest import logged_in
from tests.operations.readiness import PRESSES, Press, every_operation, may_only
from workflows_app.models import Event, Evidence, OperatorAction, Run
from workflows_app.testing import drain

pytestmark = pytest.mark.django_db

WARNING = "If it did happen, doing it again makes a duplicate."
DECISIONS = ["it_happened", "it_didnt_happen", "skip_run"]
BUTTONS = [*DECISIONS, "try_again", "decide_now", "retry_failed_run"]


def url_of(name: str, run: Run) -> str:
    return reverse(f"admin:workflows_app_run_{name}", args=[run.pk])


def page_of(run: Run) -> str:
    return reverse("admin:workflows_app_run_change", args=[run.pk])


def press(client: Client, name: str, run: Run, reason: str = "I looked at the bank", **extra: Any):
    return client.post(url_of(name, run), {"_form_submitted": "True", "reason": reason}, **extra)


def told(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def ledger(run: Run) -> tuple[Any, ...]:
    run = Run.objects.get(pk=run.pk)
    return (
        run.status,
        run.mutation.status,
        run.history.count(),
        Run.objects.count(),
        OperatorAction.objects.count(),
        list(Event.objects.order_by("pk").values_list("status", flat=True)),
    )


def test_it_didnt_happen_sends_it_again_once(
    blocked: Run, operator: Client, operator_user: User
) -> None:
    response = press(operator, "it_didnt_happen", blocked)

    assert response.status_code == 302
    assert response.url == page_of(blocked)
    assert told(response) == ["It didn't happen: a new run sends it again."]
    action = OperatorAction.objects.get()
    assert (action.operation, action.actor, action.reason, action.run) == (
        "it_didnt_happen",
        operator_user,
        "I looked at the bank",
        blocked,
    )
    retry = Run.objects.get(retry_of=blocked)
    assert retry.idempotency_key == blocked.idempotency_key
    drain("pay")
    assert Run.objects.get(pk=retry.pk).status == "committed"
    assert f"run {retry.pk}" in operator.get(page_of(blocked)).content.decode()


def test_skip_lets_the_workflow_go_on_without_it(blocked: Run, operator: Client) -> None:
    response = press(operator, "skip_run", blocked)

    assert told(response) == ["Skip: the run goes on without it."]
    assert OperatorAction.objects.get().operation == "skip_run"
    assert Event.objects.get().status == "skipped"


def test_try_again_asks_the_outside_system(scene: Callable[..., Any], operator: Client) -> None:
    play = scene("timeout", reconcilable=True)
    play.mutator.reconcile = _no_answer
    run = play.happens(days=5)
    assert run.status == "blocked"
    assert "Try again" in operator.get(page_of(run)).content.decode()

    response = press(operator, "try_again", run)

    assert told(response) == ["Try again: the host asks the outside system now."]
    assert Run.objects.get(pk=run.pk).status == "reconciling"


def _no_answer(self: Any, params: Any, *, idempotency_key: str) -> Any:
    raise TimeoutError("the bank is away")


def test_retry_now_makes_a_new_run(scene: Callable[..., Any], operator: Client) -> None:
    run = scene("rejected", "applied").happens()
    assert run.status == "failed"
    assert run.owes_retry

    response = press(operator, "retry_failed_run", run)

    assert told(response) == ["Retry now: a new run was made."]
    assert Run.objects.get(retry_of=run).status == "active"


@every_operation
def test_each_button_asks_for_its_own_permission_and_for_no_other(
    scene: Callable[..., Any], press: Press
) -> None:
    row = press.ready(scene)
    row = row.breaker if press.name == "close_breaker" else row
    view = f"view_{row._meta.model_name}"
    address = row_page(row, "take" if press.name == "take_run" else press.name)
    others = {each.permission for each in PRESSES} - {press.permission}

    for name, codenames, status in (("one", {press.permission}, 200), ("two", others, 403)):
        person = may_only(name, view, *codenames)
        person.is_staff = True
        person.save()
        assert logged_in(person).get(address).status_code == status


@pytest.mark.parametrize("name", DECISIONS)
def test_a_second_press_is_told_who_did_what(
    blocked: Run, operator: Client, superuser: Client, name: str
) -> None:
    press(operator, name, blocked, "I was first")
    after_first = ledger(blocked)

    response = press(superuser, name, blocked, "I was second")

    assert ledger(blocked) == after_first
    (message,) = told(response)
    assert message.startswith(f"Run {blocked.pk} is not blocked")
    assert "olga decided" in message
    assert message.endswith("I was first")


def test_opening_a_dialog_changes_nothing(blocked: Run, operator: Client) -> None:
    before = ledger(blocked)

    for name in BUTTONS:
        for method in (operator.get, operator.head, operator.options):
            assert method(url_of(name, blocked)).status_code == 200
        for method in (operator.put, operator.delete, operator.patch):
            method(url_of(name, blocked), {"reason": "x"}, content_type="application/json")
        assert ledger(blocked) == before, name


def test_get_with_a_reason_in_the_address_changes_nothing(blocked: Run, operator: Client) -> None:
    before = ledger(blocked)
    operator.get(url_of("it_didnt_happen", blocked), {"_form_submitted": "True", "reason": "x"})
    assert ledger(blocked) == before


def test_without_a_reason_nothing_happens(blocked: Run, operator: Client) -> None:
    before = ledger(blocked)
    for name, reason in zip(DECISIONS, ["", "   ", "\t\n"], strict=True):
        response = press(operator, name, blocked, reason)
        assert ledger(blocked) == before, name
        assert "Say why: a reason is required." in response.content.decode()


def test_a_reason_with_nul_characters_is_refused(blocked: Run, operator: Client) -> None:
    before = ledger(blocked)
    assert press(operator, "skip_run", blocked, "a\x00b").status_code == 200
    assert ledger(blocked) == before


def test_a_viewer_sees_no_button_and_is_denied(blocked: Run, viewer: Client) -> None:
    before = ledger(blocked)
    page = viewer.get(page_of(blocked))
    assert page.status_code == 200
    assert "You may look, but not decide." in page.content.decode()

    for name in BUTTONS:
        assert url_of(name, blocked) not in page.content.decode()
        assert viewer.get(url_of(name, blocked)).status_code == 403
        assert press(viewer, name, blocked).status_code == 403
        assert ledger(blocked) == before, name


def test_who_may_decide_but_not_look_is_denied(blocked: Run, viewer_user: User) -> None:
    from django.contrib.auth.models import Permission

    viewer_user.groups.clear()
    viewer_user.user_permissions.add(Permission.objects.get(codename="skip_run"))
    client = Client()
    client.force_login(viewer_user)
    assert client.get(url_of("skip_run", blocked)).status_code == 403


def test_anonymous_is_sent_to_the_login(blocked: Run) -> None:
    before = ledger(blocked)
    for name in DECISIONS:
        response = press(Client(), name, blocked)
        assert response.status_code == 302
        assert response.url.startswith(reverse("admin:login"))
        assert ledger(blocked) == before, name


def test_a_post_without_a_csrf_token_is_refused(blocked: Run, operator_user: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator_user)
    before = ledger(blocked)
    assert press(strict, "it_didnt_happen", blocked).status_code == 403
    assert ledger(blocked) == before


def test_the_dialog_says_what_a_mistake_costs(blocked: Run, operator: Client) -> None:
    page = operator.get(url_of("it_didnt_happen", blocked)).content.decode()
    assert WARNING in page
    assert "the script" in page
    assert "12.50" in page
    assert "ACME" in page


def test_only_buttons_that_apply_are_shown(blocked: Run, operator: Client) -> None:
    page = operator.get(page_of(blocked)).content.decode()
    assert url_of("it_happened", blocked) in page
    assert url_of("it_didnt_happen", blocked) in page
    assert url_of("skip_run", blocked) in page
    # The host is not asking any more.
    assert url_of("decide_now", blocked) not in page
    # Nobody can ask the outside system, and a blocked run is no failed one.
    assert url_of("try_again", blocked) not in page
    assert url_of("retry_failed_run", blocked) not in page


def test_a_button_that_does_not_apply_is_refused_in_words(blocked: Run, operator: Client) -> None:
    no_answer = told(press(operator, "try_again", blocked))
    assert no_answer[-1] == (
        "The host can't find out by itself whether scripted happened. Check it by hand, then"
        " choose “It happened”, “It didn't happen” or “Skip”."
    )
    unknown = told(press(operator, "retry_failed_run", blocked))
    assert unknown[-1].startswith(f"Run {blocked.pk} can't be retried: whether its outside effect")


def test_a_dialog_opened_too_late_says_so(blocked: Run, operator: Client) -> None:
    press(operator, "skip_run", blocked)
    page = operator.get(url_of("it_didnt_happen", blocked)).content.decode()
    assert "This does not apply any more" in page


def test_an_answer_that_came_too_late_is_not_overlooked(blocked: Run, operator: Client) -> None:
    places = [url_of(where, blocked) for where in (*DECISIONS, "change")]
    before = [operator.get(place).content.decode() for place in places]
    for verdict in ("applied", "unknown"):
        Evidence.objects.create(mutation=blocked.mutation, kind="late", verdict=verdict)
    pages = [operator.get(place).content.decode() for place in places]

    assert ["has answered after all" in page for page in before] == [False] * len(places)
    sentence = "The outside system has answered after all: it happened."
    assert [sentence in page for page in pages] == [True] * len(places)


def test_from_within_the_dialog_the_browser_is_sent_to_the_page(
    blocked: Run, operator: Client
) -> None:
    response = press(operator, "skip_run", blocked, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert response.headers["HX-Redirect"] == page_of(blocked)


def test_a_run_that_is_not_there_is_not_found(operator: Client) -> None:
    for object_id in ("0", "99999999", "abc", "9" * 40, "1/2"):
        response = operator.get(f"/admin/workflows_app/run/{object_id}/it-didnt-happen/")
        assert response.status_code == 404, object_id


def test_an_owed_retry_shows_its_button(scene: Callable[..., Any], operator: Client) -> None:
    run = scene("refused").happens(days=0)
    assert run.retry_due_at is not None
    assert run.retry_due_at > timezone.now()
    assert url_of("retry_failed_run", run) in operator.get(page_of(run)).content.decode()
