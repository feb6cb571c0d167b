"""Many rows at once: previewed, decided one by one, refused one by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.addresses import list_of, told
from tests.conftest import logged_in
from tests.scenes import Scene
from workflows_app.admin import bulk
from workflows_app.admin.bulk import AT_MOST
from workflows_app.models import Event, OperatorAction, Run, Topic
from workflows_app.operations import add_note, skip_event

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


def test_who_may_not_was_not_asked_or_came_from_another_site_decides_nothing(
    play: Scene, viewer: Client, viewer_user: User, operator: Client, operator_user: User
) -> None:
    assert "_selected_action" not in viewer.get(list_of(Event)).content.decode()
    assert confirm(viewer, "bulk_skip_event", events()[1:], "because").status_code in (200, 302)
    # The permission of another button is not enough.
    viewer_user.user_permissions.add(Permission.objects.get(codename="try_again"))
    client, runs = logged_in(viewer_user), list(Run.objects.filter(status="blocked"))
    choices = client.get(list_of(Run)).context["action_form"].fields["action"].choices
    assert [name for name, _ in choices] == ["", "bulk_try_again"]
    confirm(client, "bulk_it_didnt_happen", runs, "I try it")
    sent = f"action=bulk_skip_event&_selected_action={events()[1].pk}&confirmed=yes&reason=x"
    operator.get(f"{list_of(Event)}?{sent}")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator_user)
    assert confirm(strict, "bulk_skip_event", events()[1:], "x").status_code == 403
    assert OperatorAction.objects.count() == 0
    assert statuses() == ["reserved", "pending", "pending", "pending"]


def test_no_more_than_was_chosen_and_is_on_a_page_is_done_at_once(
    play: Scene, operator: Client
) -> None:
    nowhere = {"action": "bulk_skip_event", "_selected_action": ["9" * 30, "0"]}
    assert operator.post(list_of(Event), nowhere).context["applying"] == []
    confirmed = operator.post(list_of(Event), {**nowhere, "confirmed": "yes", "reason": "x"})
    assert (confirmed.status_code, told(confirmed)) == (302, [])
    topic = Topic.objects.get(name="invoice.received")
    Event.objects.bulk_create(
        Event(topic=topic, message_id=f"more-{n}", payload={}) for n in range(AT_MOST)
    )
    answer = choose(operator, "bulk_skip_event", events(), select_across="1")
    assert told(answer) == ["Choose 100 at most. Commands take more at once."]
    most = choose(operator, "bulk_skip_event", events()[:AT_MOST])
    again = operator.get(most.context["address"])
    assert len(again.context["applying"]) == len(most.context["applying"]) == AT_MOST - 1
    page = operator.get(list_of(Event)).content.decode()
    assert "data-actions-icnt" in page
    assert "select the objects across all pages" not in page
    chosen = {"select_across": "1", "confirmed": "yes", "reason": "x"}
    choose(operator, "bulk_skip_event", [events()[1]], **chosen)
    assert OperatorAction.objects.get().event == events()[1]


def hidden(page: str) -> dict[str, str]:
    """Return what the form of a page would send by itself."""
    inputs = re.findall(r'<input type="hidden" name="(seen[_\d]*)" value="([^"]+)"', page)
    return dict(inputs)


def test_a_preview_carries_what_it_showed_of_each_and_each_is_refused_by_itself(
    scene: Callable[..., Scene], operator: Client, superuser_user: User
) -> None:
    first, second = (scene("lost", slug=slug).happens(days=0) for slug in ("pay", "refund"))
    held = first.reservations.get().event
    more = {"topic": held.topic, "payload": 1, "status": "reserved", "reserved_by": first}
    Event.objects.bulk_create(Event(message_id=f"more-{n}", **more) for n in range(11))
    chosen = {"action": "bulk_skip_run", "_selected_action": [first.pk, second.pk]}
    page = operator.post(list_of(Run), chosen).content.decode()
    assert page.count("more-") == 9
    assert "And 2 more" in page
    add_note(second, actor=superuser_user, text="I have it on the phone")

    done = operator.post(
        list_of(Run), {**chosen, **hidden(page), "confirmed": "yes", "reason": "Looked at both"}
    )

    ok, refused = told(done)
    assert ok == "Skip: done for 1."
    assert "I have it on the phone" in refused
    assert OperatorAction.objects.get(operation="skip_run").run == first


def test_what_there_was_no_time_for_is_counted_and_stays_as_it_is(
    play: Scene, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SECONDS_AT_MOST", -1.0)
    why = "the outside system takes long to answer"
    for rows, said in (
        (events()[1:], f"3 were not tried: {why}. Choose them again."),
        (events()[1:2], f"1 was not tried: {why}. Choose it again."),
    ):
        assert told(confirm(operator, "bulk_skip_event", rows, "Withdrawn"))[-1] == said
    assert statuses() == ["reserved", "pending", "pending", "pending"]


def test_a_run_that_an_answer_says_happened_is_not_sent_again_among_many(
    scene: Callable[..., Scene], operator: Client
) -> None:
    said, other = (scene("lost", slug=slug).happens() for slug in ("pay", "refund"))
    said.mutation.evidence.create(kind="late", verdict="applied")

    shown = choose(operator, "bulk_it_didnt_happen", [said, other]).context

    assert [each["row"] for each in shown["applying"]] == [other]
    assert [each["row"] for each in shown["asking"]] == [said]


def test_a_preview_of_large_payloads_is_a_small_page(
    scene: Callable[..., Scene], operator: Client
) -> None:
    play = scene("applied")
    for number in range(20):
        play.publish(str(number), {"text": "ä" * 50_000})
    chosen = {
        "action": "bulk_skip_event",
        "_selected_action": list(Event.objects.values_list("pk", flat=True)),
    }

    page = operator.post(list_of(Event), chosen).content

    assert len(page) < 300_000
    assert "cut; 50,0" in page.decode()
