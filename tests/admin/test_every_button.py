"""What holds of every button: nobody presses it by looking, without a reason or a permission, and nobody twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.admin.addresses import page_of, told
from tests.conftest import logged_in
from tests.operations.readiness import PRESSES, Press, everything, may_only
from workflows_app.groups import OPERATE

pytestmark = pytest.mark.django_db

every_button = pytest.mark.parametrize(
    "press", [press for press in PRESSES if press.declared.change], ids=lambda press: press.name
)
Addresses = tuple[str, str]
NO_REASONS = {
    " \t\n": "Say why: a reason is required.",
    "\u200b\u202e": "Say why",
    "a\x00b": "Null characters",
    "x" * 2_001: "at most 2,000 are kept",
}


@pytest.fixture
def button(scene: Callable[..., Any], press: Press) -> Addresses:
    """The page that a button applies to, and the button's address."""
    row = press.ready(scene)
    row = row.breaker if press.name == "close_breaker" else row
    return page_of(row), page_of(row, press.name)


def sent(client: Client, address: str, reason: str = "I looked at the bank", **extra: Any) -> Any:
    return client.post(address, {"_form_submitted": "True", "reason": reason}, **extra)


@every_button
def test_nobody_presses_it_without_a_right_or_a_reason_and_nobody_twice(
    button: Addresses, press: Press, viewer: Client, operator: Client, operator_user: User,
    superuser: Client,
) -> None:  # fmt: skip
    page, address = button
    blind = may_only("eve", press.permission)
    User.objects.filter(pk=blind.pk).update(is_staff=True)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator_user)
    view = f"view_{page.split('/')[3]}"
    for may, status in (([press.permission], 200), (set(OPERATE) - {press.permission}, 403)):
        person = may_only(f"pia {status}", view, *may)
        User.objects.filter(pk=person.pk).update(is_staff=True)
        assert logged_in(User.objects.get(pk=person.pk)).get(address).status_code == status
    before = everything()

    for client in (viewer, logged_in(User.objects.get(pk=blind.pk)), strict):
        assert sent(client, address).status_code == 403
    answer = sent(Client(), address)
    assert (answer.status_code, answer.url.partition("?")[0]) == (302, reverse("admin:login"))
    for method in (operator.get, operator.head, operator.options):
        assert method(address, {"_form_submitted": "True", "reason": "x"}).status_code == 200
    for method in (operator.put, operator.patch, operator.delete):
        method(address, {"reason": "x"}, content_type="application/json")
    for reason, problem in NO_REASONS.items():
        answer = sent(operator, address, reason)
        assert (answer.status_code, problem in answer.content.decode()) == (200, True)
    *front, _, name, end = address.split("/")
    for other in ("0", "abc", "9" * 40):
        assert operator.get("/".join([*front, other, name, end])).status_code == 404, other
    assert everything() == before

    answer = sent(operator, address, "I was first", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, page)
    if press.name == "run_producers_now":
        return
    after_first = everything()
    assert "This does not apply any more" in superuser.get(address).content.decode()
    message, words = told(sent(superuser, address, "I was second"))
    assert words == "You wrote: “I was second”"
    assert "olga decided" in message
    assert message.endswith(": I was first")
    assert everything() == after_first
