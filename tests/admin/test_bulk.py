"""Many rows at once: previewed, decided one by one, refused one by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.addresses import list_of, text_of_answer, told
from tests.conftest import logged_in
from tests.scenes import Scene
from workflows_app.admin.bulk import AT_MOST
from workflows_app.models import Event, OperatorAction, Run, Topic, Workflow
from workflows_app.operations import skip_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def play(scene: Callable[..., Any]) -> Scene:
    """A blocked run, and three events in line behind it."""
    play: Scene = scene("lost", "applied")
    play.happens("1", {"amount": "12.50", "to": "ACME"})
    for message_id in ("2", "3", "4"):
        play.publish(message_id, {"amount": f"{message_id}.50"})
    return play


def events() -> list[Event]:
    return list(Event.objects.order_by("pk"))


def statuses() -> list[str]:
    return [event.status for event in events()]


def choose(client: Client, action: str, rows: list[Any], query: str = "", **extra: Any) -> Any:
    data = {"action": action, "_selected_action": [row.pk for row in rows], **extra}
    return client.post(list_of(type(rows[0])) + query, data)


def confirm(client: Client, action: str, rows: list[Any], reason: str, query: str = "") -> Any:
    return choose(client, action, rows, query, confirmed="yes", reason=reason)


def test_a_preview_says_what_would_be_done_and_does_nothing(play: Scene, operator: Client) -> None:
    first, second, third, fourth = events()

    answer = choose(operator, "bulk_skip_event", events(), "?lane=main")

    text = text_of_answer(answer)
    assert f'href="{list_of(Event)}?lane=main">Cancel</a>' in answer.content.decode()
    assert "No run will ever take this event" in text
    assert "It is done for each of these 3" in text
    assert "Payload Amount 2.50" in text
    assert "It does not apply to this one, which stays as it is 1 Reserved" in text
    offered = [item["row"] for item in answer.context["applying"]]
    assert offered == [second, third, fourth]
    assert answer.context["others"] == [first]
    again = operator.get(answer.context["address"])
    assert (answer.status_code, text_of_answer(again)) == (200, text)
    assert statuses() == ["reserved", "pending", "pending", "pending"]
    assert OperatorAction.objects.count() == 0


def test_confirmed_each_is_a_decision_of_its_own(
    play: Scene, operator: Client, operator_user: User
) -> None:
    _, second, third, _ = events()

    answer = confirm(operator, "bulk_skip_event", [second, third], "The supplier is gone", "?q=")

    assert (answer.status_code, answer.url) == (302, list_of(Event) + "?q=")
    assert told(answer) == ["Skip event: done for 2."]
    assert statuses() == ["reserved", "skipped", "skipped", "pending"]
    assert list(
        OperatorAction.objects.order_by("pk").values_list("operation", "actor", "reason", "event")
    ) == [
        ("skip_event", operator_user.pk, "The supplier is gone", second.pk),
        ("skip_event", operator_user.pk, "The supplier is gone", third.pk),
    ]


def test_who_was_quicker_is_named_and_the_others_go_through(
    play: Scene, operator: Client, viewer_user: User
) -> None:
    _, second, third, _ = events()
    root = User.objects.create_superuser("root")
    choose(operator, "bulk_skip_event", [second, third], "?status__exact=pending")
    skip_event(second, actor=root, reason="I was first")

    answer = confirm(
        operator, "bulk_skip_event", [second, third], "We were two", "?status__exact=pending"
    )

    done, refused = told(answer)
    assert done == "Skip event: done for 1."
    assert refused.startswith("Event 2 can't be skipped: it is no longer pending but skipped. root")
    assert statuses() == ["reserved", "skipped", "skipped", "pending"]
    assert OperatorAction.objects.count() == 2
    # Of many refusals ten are quoted, and the others counted.
    for number, rest in (
        (10, []),
        (11, ["1 more was refused."]),
        (12, ["2 more were refused."]),
    ):
        gone = [play.publish(f"gone {number} {each}") for each in range(number)]
        for event in gone:
            skip_event(event, actor=root, reason="I was first")
        said = told(confirm(logged_in(root), "bulk_skip_event", gone, "We were two"))
        assert ["can't be skipped" in each for each in said[:10]] == [True] * 10
        assert said[10:] == rest


def test_without_a_reason_the_preview_comes_back(play: Scene, operator: Client) -> None:
    for reason in ("", "  ", "a\x00b"):
        answer = confirm(operator, "bulk_skip_event", events()[1:], reason)
        assert answer.status_code == 200
        assert "Why?" in text_of_answer(answer)
    assert "pending" in statuses()
    assert OperatorAction.objects.count() == 0


def test_all_workflows_can_be_paused_at_once(
    play: Scene, scene: Callable[..., Any], operator: Client
) -> None:
    scene("applied", slug="other")
    workflows = list(Workflow.objects.all())

    answer = confirm(operator, "bulk_pause_workflow", workflows, "The database moves")

    assert told(answer) == ["Pause: done for 2."]
    assert {workflow.status for workflow in Workflow.objects.all()} == {"paused"}


def test_a_viewer_is_offered_nothing_and_can_do_nothing(play: Scene, viewer: Client) -> None:
    assert "_selected_action" not in viewer.get(list_of(Event)).content.decode()
    for reason in ("", "because"):
        answer = confirm(viewer, "bulk_skip_event", events()[1:], reason)
        assert answer.status_code in (200, 302)
    assert statuses() == ["reserved", "pending", "pending", "pending"]


def test_a_permission_of_another_button_is_not_enough(play: Scene, viewer_user: User) -> None:
    viewer_user.user_permissions.add(Permission.objects.get(codename="try_again"))
    client = logged_in(viewer_user)
    runs = list(Run.objects.filter(status="blocked"))
    choices = client.get(list_of(Run)).context["action_form"].fields["action"].choices
    assert [name for name, _ in choices] == ["", "bulk_try_again"]
    confirm(client, "bulk_it_didnt_happen", runs, "I try it")
    assert OperatorAction.objects.count() == 0


def test_a_row_that_is_not_there_is_left_out(play: Scene, operator: Client) -> None:
    data = {"action": "bulk_skip_event", "_selected_action": ["9" * 30, "0"]}
    assert operator.post(list_of(Event), data).context["applying"] == []
    confirmed = operator.post(list_of(Event), {**data, "confirmed": "yes", "reason": "x"})
    assert (confirmed.status_code, told(confirmed)) == (302, [])


def test_more_than_a_page_is_too_much_at_once(play: Scene, operator: Client) -> None:
    topic = Topic.objects.get(name="invoice.received")
    Event.objects.bulk_create(
        Event(topic=topic, message_id=f"more-{n}", payload={}) for n in range(AT_MOST)
    )
    answer = choose(operator, "bulk_skip_event", events(), select_across="1")
    assert told(answer) == ["Choose 100 at most. Commands take more at once."]
    assert OperatorAction.objects.count() == 0


def test_what_was_chosen_on_a_page_that_is_gone_since_is_done(
    play: Scene, operator: Client
) -> None:
    topic = Topic.objects.get(name="invoice.received")
    new = [Event(topic=topic, message_id=f"more-{n}", payload={}) for n in range(AT_MOST)]
    query, last = "?status__exact=pending", Event.objects.bulk_create(new)[-1]
    page = choose(operator, "bulk_skip_event", [last], f"{query}&p=2").content.decode()
    assert f'href="{list_of(Event)}{query}&amp;p=2">Cancel</a>' in page
    skipped = confirm(operator, "bulk_skip_event", events()[1:AT_MOST], "Withdrawn")
    assert told(skipped) == [f"Skip event: done for {AT_MOST - 1}."]

    (address,) = re.findall(r'<form method="post" action="([^"]*)" class="ops-card"', page)
    query = address.removeprefix(list_of(Event))
    confirm(operator, "bulk_skip_event", [last], "Withdrawn, too", query)

    last.refresh_from_db()
    assert last.status == "skipped"


def test_what_is_in_an_address_or_came_from_another_site_decides_nothing(
    play: Scene, operator: Client, operator_user: User
) -> None:
    number = events()[1].pk
    operator.get(
        f"{list_of(Event)}?action=bulk_skip_event&_selected_action={number}&confirmed=yes&reason=x"
    )
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator_user)
    assert confirm(strict, "bulk_skip_event", events()[1:], "x").status_code == 403
    assert OperatorAction.objects.count() == 0
