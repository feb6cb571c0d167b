"""skip_events: each event is a decision of its own, tried first, asked for, and reported (P4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from tests.commands.console import Ran, run, run_on_terminal
from tests.operations.readiness import everything
from tests.scenes import Scene
from workflows_app.models import Event, OperatorAction
from workflows_app.operations import skip_event
from workflows_app.publishing import publish

pytestmark = pytest.mark.django_db

SceneMaker = Callable[..., Scene]
OF = ("skip_events", "pay", "invoice.received")
BY = ("--actor", "olga", "--reason", "sent twice")
SURE = (*BY, "--no-input")


@pytest.fixture
def events(scene: SceneMaker, operator_user: User) -> list[Event]:
    """Three pending events."""
    play = scene()
    return [play.publish(name) for name in ("41", "42", "43")]


def statuses() -> dict[str, str]:
    return dict(Event.objects.order_by("pk").values_list("message_id", "status"))


def test_named_events_are_skipped_one_decision_each(
    events: list[Event], operator_user: User
) -> None:
    publish(workflow="pay", topic="invoice.received", message_id="44", payload={})
    first, second, third = events

    ran = run(*OF, "42", "43", "41", "43", *SURE)

    named = [second, third, first]
    told = [f"event {each.pk}, message_id {each.message_id}" for each in named]
    lines = [*(f"{each}: “Skip event” decided" for each in told), "3 decided, 0 refused"]
    assert (ran.code, ran.out.splitlines(), ran.err) == (0, lines, "")
    assert statuses() == {"41": "skipped", "42": "skipped", "43": "skipped", "44": "pending"}
    decisions = OperatorAction.objects.order_by("pk")
    assert list(decisions.values_list("operation", "event", "actor", "reason")) == [
        ("skip_event", each.pk, operator_user.pk, "sent twice") for each in named
    ]


def test_all_pending_events_of_the_topic_are_skipped_and_no_other(
    events: list[Event], scene: SceneMaker, operator_user: User
) -> None:
    other = scene(slug="other").publish("1")
    skip_event(events[1], actor=operator_user, reason="by hand")

    ran = run(*OF, "--all-pending", *SURE)

    assert (ran.code, ran.lines[-1]) == (0, "2 decided, 0 refused")
    assert set(statuses().values()) == {"skipped", "pending"}
    assert list(Event.objects.filter(status="pending")) == [other]


def test_what_is_refused_is_told_with_its_code_and_the_others_are_done(
    events: list[Event], operator_user: User
) -> None:
    first = skip_event(events[0], actor=operator_user, reason="by hand")

    ran = run(*OF, "41", "42", "99", *SURE, "--format", "json")

    assert ran.code == 3
    action = OperatorAction.objects.get(event=events[1])
    missing = "Topic invoice.received of workflow pay has no event 99."
    refused = {row["message_id"]: row for row in ran.json["refused"]}
    assert ran.json["dry_run"] is False
    assert ran.json["done"] == [{"event": events[1].pk, "message_id": "42", "action": action.pk}]
    assert refused["99"] == {
        "event": None,
        "message_id": "99",
        "code": "not_found",
        "problem": missing,
    }
    assert (refused["41"]["event"], refused["41"]["code"]) == (events[0].pk, "not_pending")
    assert refused["41"]["problem"].endswith(f": {first.reason}")
    assert ran.err.splitlines() == [
        f"not_found: {missing}",
        f"not_pending: {refused['41']['problem']}",
    ]


def test_a_dry_run_tells_the_same_and_changes_nothing(
    events: list[Event], operator_user: User
) -> None:
    skip_event(events[0], actor=operator_user, reason="by hand")
    before = everything()

    ran = run(*OF, "41", "42", *BY, "--dry-run")

    assert ran.code == 3
    assert ran.lines == [
        f"event {events[1].pk}, message_id 42: “Skip event” would be decided",
        "1 would be decided, 1 refused",
    ]
    assert ran.err.startswith("not_pending: Event 41 can't be skipped")
    assert everything() == before
    told = run(*OF, "42", *BY, "--dry-run", "--format", "json").json
    assert told == {
        "dry_run": True,
        "done": [{"event": events[1].pk, "message_id": "42", "action": None}],
        "refused": [],
    }


@pytest.mark.parametrize("typed", ["y\n", "YES\n", " yes \n"])
def test_on_a_terminal_it_asks_and_does_it_after_a_yes(events: list[Event], typed: str) -> None:
    ran = run_on_terminal(*OF, "--all-pending", *BY, typed=typed)

    assert ran.code == 0
    assert ran.err == "Skip 3 events of pay: invoice.received, for good? [y/N] "
    assert set(statuses().values()) == {"skipped"}


@pytest.mark.parametrize("typed", ["\n", "n\n", "yesterday\n", "\x04"])
def test_on_a_terminal_anything_but_yes_changes_nothing(events: list[Event], typed: str) -> None:
    before = everything()

    ran = run_on_terminal(*OF, "42", *BY, typed=typed)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("[y/N] Nothing was changed.\n")
    assert everything() == before


def test_where_nobody_can_be_asked_it_wants_no_input(events: list[Event]) -> None:
    before = everything()
    assert run(*OF, "42", *BY) == Ran(
        2, "", "CommandError: There is nobody to ask here. Use --no-input if you are sure.\n"
    )
    assert everything() == before


def test_a_person_without_the_permission_is_refused(events: list[Event], viewer_user: User) -> None:
    before = everything()
    ran = run(*OF, "41", "42", "--actor", "viktor", "--reason", "mine", "--no-input")
    assert (ran.code, ran.out) == (3, "0 decided, 2 refused\n")
    assert ran.err == 2 * (
        "permission_denied: viktor may not use “Skip event”: the permission “skip_event” is"
        " missing.\n"
    )
    assert everything() == before


def test_an_empty_reason_is_refused(events: list[Event]) -> None:
    ran = run(*OF, "41", "--actor", "olga", "--reason", "  ", "--no-input")
    assert (ran.code, ran.err) == (3, "reason_required: Say why: a reason is required.\n")


def test_nothing_pending_is_done_without_a_question(scene: SceneMaker, operator_user: User) -> None:
    scene()
    assert run(*OF, "--all-pending", *BY) == Ran(0, "0 decided, 0 refused\n", "")


def test_unknown_names_are_errors(scene: SceneMaker, operator_user: User) -> None:
    scene()
    assert run("skip_events", "nope", "x", "1", *SURE).code == 1
    assert run("skip_events", "pay", "nope", "1", *SURE) == Ran(
        1,
        "",
        "CommandError: Workflow 'pay' has no topic 'nope'. Its topics: invoice.paid,"
        " invoice.received.\n",
    )
    ran = run(*OF, "1", "--actor", "nobody", "--reason", "mine", "--no-input")
    assert ran == Ran(1, "", "CommandError: There is no active user with the username 'nobody'.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["pay", "invoice.received", *SURE],
        ["pay", "invoice.received", "42", "--all-pending", *SURE],
    ],
)
def test_neither_or_both_ways_to_choose_is_wrong_usage(arguments: list[str]) -> None:
    assert run("skip_events", *arguments) == Ran(
        2, "", "CommandError: Name message ids, or use --all-pending.\n"
    )


@pytest.mark.parametrize("missing", ["--actor", "--reason"])
def test_who_and_why_are_required(missing: str) -> None:
    options = {"--actor": "olga", "--reason": "mine"}
    given = [part for name, value in options.items() if name != missing for part in (name, value)]
    ran = run(*OF, "42", *given, "--no-input")
    assert ran.code == 2
    assert f"required: {missing}" in ran.err


def test_an_event_that_was_published_again_since_it_was_shown_stays(
    events: list[Event], scene: SceneMaker, operator_user: User
) -> None:
    publish(workflow="pay", topic="invoice.received", message_id="42", payload={"amount": "9"})

    ran = run(*OF, "42", *SURE, "--seen", "r1")

    assert (ran.code, statuses()["42"]) == (3, "pending")
    assert ran.err.startswith("stale: Event 42 is not as you saw it")
    assert run(*OF, "42", "42", *SURE, "--seen", "r2").code == 0
    assert run(*OF, "41", "43", *SURE, "--seen", "r2").code == 2
