"""The one box: what it finds, for whom, and why; and what nobody can break by typing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.addresses import list_of, text_of_answer
from tests.conftest import logged_in
from tests.rivals import holding
from tests.scenes import workflow_with
from workflows_app.admin.search import IN_PALETTE
from workflows_app.models import Event, Input, Mutation, OperatorAction, Run
from workflows_app.operations import it_happened
from workflows_app.publishing import publish, publish_many
from workflows_app.queries.search.finding import TOLD
from workflows_app.testing import registered, scripted

pytestmark = pytest.mark.django_db

ADDRESS = "/admin/workflows_app/run/search/"
INVOICE = {
    "supplier": "Müller & Söhne GmbH",
    "amount": "1234.50",
    "iban": "DE89370400440532013000",
    "lines": [{"text": "Winter tyres", "price": 7.5}],
}


@pytest.fixture
def paid(scene: Any, operator_user: User) -> dict[str, Any]:
    """One invoice that is blocked and found in the bank by Olga, and one that waits."""
    play = scene("lost")
    play.happens("INV/2026-001", INVOICE)
    run = Run.objects.get(mutation__isnull=False)
    it_happened(run, actor=operator_user, reason="It is in the bank's list, number 4711")
    play.publish("blue-2", {"supplier": "ACME", "amount": 99})
    return {
        "play": play,
        "event": Event.objects.get(message_id="INV/2026-001"),
        "input": Input.objects.get(external_id="INV/2026-001"),
        "run": run,
        "effect": run.mutation,
        "decision": OperatorAction.objects.get(),
    }


def answer_of(client: Client, typed: str) -> Any:
    answer = client.get(f"{ADDRESS}?{urlencode({'q': typed})}")
    assert answer.status_code == 200
    return answer


def found(client: Client, typed: str) -> dict[str, list[str]]:
    """Return for each kind with hits why each was found."""
    groups = answer_of(client, typed).context["groups"]
    return {
        group["heading"]: [hit["why"] for hit in group["hits"]] for group in groups if group["hits"]
    }


def test_what_has_another_number_is_not_found(paid: dict[str, Any], viewer: Client) -> None:
    for other in ("234.50", "1234.51", "12.34", "1234.505", "987654", "müller acme", "mü"):
        assert found(viewer, other) == {}, other


def test_whole_values_come_first_then_the_newest(scene: Any, viewer: Client) -> None:
    play = scene("applied")
    for number, supplier in enumerate(["ACME", "ACME Ltd", "Acmeon"]):
        play.publish(f"{number}", {"supplier": supplier})
    play.publish("3", {"note": "for ACME, by post", "supplier": "ACME", "deliver to": "ACME"})
    assert found(viewer, "acme")["Events"] == [
        "supplier: ACME",
        "supplier: ACME",
        "supplier: Acmeon",
        "supplier: ACME Ltd",
    ]


def test_who_may_see_runs_but_no_events_finds_no_run_by_a_payload(paid: dict[str, Any]) -> None:
    person = User.objects.create_user("rita", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_run"))
    client = logged_in(person)

    assert found(client, "müller") == {}
    assert list(found(client, f"{paid['run'].pk}")) == ["Runs"]


def test_masked_values_are_found_by_those_alone_who_see_them(
    operator: Client, viewer: Client
) -> None:
    class Bank(scripted("lost")):  # type: ignore[misc]
        secret_params = ["iban"]

    with registered(workflow_with(Bank)):
        publish(workflow="pay", topic="invoice.received", message_id="1", payload=INVOICE)

        assert found(operator, "DE89370400440532013000") == {
            "Events": ["iban: DE89370400440532013000"]
        }
        assert found(viewer, "DE89370400440532013000") == {}
        assert found(viewer, "DE893704") == {}
        assert found(viewer, "müller")["Events"] == ["supplier: Müller & Söhne GmbH"]


RUBBISH = [
    ("%", "There is no word or number in “%”."),
    ("'", "There is no word or number in “'”."),
    ("\x01\u200b", "Type what you look for."),
    ("x" * 4_000, "Search for 200 characters at most."),
    ("(", "There is no word or number in “(”."),
    ("🎈", "There is no word or number in “🎈”."),
    ("'; DROP TABLE x; --", "Nothing that you may see has “'; DROP TABLE x; --”."),
    ("\\", "There is no word or number in “\\”."),
    ("a:* & !b | (c", "Nothing that you may see has “a:* & !b | (c”."),
    ("9" * 40, f"Nothing that you may see has “{'9' * 40}”."),
    (" ".join("abcdefghijkl"), "Nothing that you may see has “a b c d e f g h i j k l”."),
]


def test_rubbish_is_answered_by_a_sentence(paid: dict[str, Any], viewer: Client) -> None:
    for typed, told in RUBBISH:
        assert told in text_of_answer(answer_of(viewer, typed))


def test_the_palette_shows_nobody_what_they_may_not_see(paid: dict[str, Any]) -> None:
    nobody = logged_in(User.objects.create_user("norbert", is_staff=True))
    answer = nobody.get("/admin/search/?extended=1&s=INV/2026-001")
    assert list(answer.context["results"]) == []


def test_the_number_of_queries_does_not_grow(
    scene: Any, viewer: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    play = scene("applied")
    play.happens("a-1", INVOICE)
    viewer.get(f"{ADDRESS}?q=müller")
    with django_assert_max_num_queries(60) as few:
        answer_of(viewer, "müller")
    for number in range(5):
        play.happens(f"b-{number}", INVOICE)
    with django_assert_num_queries(len(few)):
        answer_of(viewer, "müller")
    assert Mutation.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_what_can_t_be_looked_at_in_time_is_not_said_to_be_nowhere(
    scene: Any, viewer: Client
) -> None:
    scene("applied").publish("1", INVOICE)
    with holding("LOCK TABLE workflows_app_eventwords IN ACCESS EXCLUSIVE MODE"):
        text = text_of_answer(answer_of(viewer, "müller"))
        listed = viewer.get(f"{list_of(Event)}?q=müller")
    assert "That stands in too many rows to look at them all (Events). Add a word" in text
    assert "Nothing that you may see" not in text
    said = [str(message) for message in listed.context["messages"]]
    assert said == ["That stands in too many rows. Add a word, or a filter."]


def test_only_more_than_are_told_are_said_to_be_more(scene: Any, viewer: Client) -> None:
    topic = {"workflow": scene("applied").slug, "topic": "invoice.received"}
    for number, has_more in ((TOLD, False), (TOLD + 1, True)):
        publish_many(**topic, events=[(f"n-{each}", {"to": "ACME"}) for each in range(number)])
        groups = answer_of(viewer, "ACME").context["groups"]
        (events,) = (group for group in groups if group["heading"] == "Events")
        assert (len(events["hits"]), events["has_more"]) == (TOLD, has_more)
        assert events["list"] == f"{list_of(Event)}?q=ACME"
    palette = viewer.get("/admin/search/?extended=1&s=acme").context["results"]
    shown = [result.link for result in palette if "/event/" in str(result.link)]
    assert shown == [hit["link"] for hit in events["hits"][:IN_PALETTE]]
