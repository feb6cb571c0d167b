"""Deploys of other code in each state: nothing pending, consumed or skipped is lost or revived."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, RETURNED, SHIPPED, order, paying, producer, shipping
from tests.stories.states import STATES
from workflows_app.operations import skip_event
from workflows_app.sdk import Every, PrepareResult, TransientError
from workflows_app.testing import SimulatedCrash

#: What the new code is, and how it is deployed.
DEPLOYS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a repair": ("1.1", {}, {"note": "mended"}),
    "a re-plan that has one lane": ("2.0", {"one_lane": True}, {}),
    "code without the consumer": ("1.1", {"ship_is_called": "Send"}, {}),
    "code without the consumer, and orphans are accepted": (
        "1.1",
        {"ship_is_called": "Send"},
        {"accept_orphans": True, "note": "it is called Send"},
    ),
    "code without the mutator": ("1.1", {"carrier": "carrier.send"}, {}),
    "code without the mutator, and orphans are accepted": (
        "1.1",
        {"carrier": "carrier.send"},
        {"accept_orphans": True},
    ),
}


@pytest.mark.parametrize("state", ["is sent again", "was in flight"])
def test_a_deploy_while_a_run(tell: Tell, state: str) -> None:
    with tell() as story:
        STATES[state](story)
        rules = {"policy": {"crash_retries": 1}} if state == "is poison" else {}
        for name, (version, changes, options) in DEPLOYS.items():
            with story.what_if(f"{name} is deployed"):
                code = shipping(story, version, tells=False, **{**rules, **changes})
                story.deploy(code, **options)
                story.works(after=12)


@pytest.mark.parametrize("play", ["lost", "no answer"])
def test_new_code_asks_about_a_call_that_was(tell: Tell, play: str) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        story.outside("carrier.ship").plays(play)
        story.outside("carrier.ship").says("can't say")
        story.publish(RECEIVED, ("1", order("a")))
        story.works()
        with story.what_if("the new code lacks the mutator"):
            other = shipping(story, "2.0", tells=False, carrier="carrier.send")
            story.deploy(other, accept_orphans=True)
            story.works(after=10)
        story.deploy(shipping(story, "2.0", tells=False))
        story.works(after=10)


@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_other_code_comes_to_what_is_done_and_what_waits(tell: Tell, version: str) -> None:
    with tell() as story:
        old = shipping(story, tells=False, can_ask=False)
        story.begins_with(old)
        story.outside("carrier.ship").plays("applied", "rejected", "busy", "no answer", "rejected")
        story.trouble("Ship.prepare", None, None, None, None, PrepareResult.nothing())
        story.publish(RECEIVED, *((lane, order(lane)) for lane in "abcdg"))
        story.works()
        story.publish(RECEIVED, ("e", order("d")), ("f", order("d")))
        story.press("olga", skip_event, f"{RECEIVED}/e", "not wanted")
        story.deploy(shipping(story, version, tells=False, can_ask=False))
        story.publish(RECEIVED, ("a", order("a", 9)), ("e", order("d", 9)))
        for seconds in (0, 9):
            story.works(after=seconds)
        story.deploy(old, rollback=True, note="it is refused", actor=story.people["olga"])
        story.works()


def test_versions_go_up_and_down(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        story.deploy(shipping(story, tells=False))
        story.deploy(shipping(story, tells=False, title="Other code"))
        story.deploy(shipping(story, "1.3", tells=False, title="Ship them well"), note="mended")
        story.deploy(shipping(story, "1.2", tells=False))
        story.deploy(shipping(story, "1.2", tells=False), rollback=True)
        story.deploy(shipping(story, "1.2", tells=False), rollback=True, note=" ")
        story.deploy(
            shipping(story, "1.2", tells=False), rollback=True, note="never deployed before"
        )
        story.deploy(shipping(story, "1.3", tells=False, title="Ship them so"), note="again")
        story.deploy(shipping(story, "3.0", tells=False), actor=story.people["olga"])
        story.deploy(shipping(story, "2.5", tells=False), rollback=True, note="another plan")
        story.deploy(shipping(story, "2.6", tells=False))
        story.deploy(shipping(story, tells=False, title="Not so"), rollback=True, note="edited")
        story.deploy(shipping(story, tells=False), rollback=True, note="as in the beginning")
        story.works()


def test_consumers_and_topics_that_come_and_go(tell: Tell) -> None:
    with tell() as story:
        story.deploy(shipping(story, producers=[producer(story, "ReadMail", RECEIVED)]))
        story.works()
        story.publish(RECEIVED, ("1", order("a")))
        story.publish(SHIPPED, ("8", {"to": "z"}))
        story.publish(RETURNED, ("9", {"why": "broken"}))
        with story.what_if("the producer has another schedule"):
            reads = [producer(story, "ReadMail", RECEIVED, schedule=Every(hours=2))]
            story.deploy(shipping(story, "1.1", producers=reads))
            story.works(after=301)
        with story.what_if("the consumer is a producer"):
            reads = [producer(story, "Tell", RECEIVED)]
            story.deploy(shipping(story, "1.1", tells=False, producers=reads), accept_orphans=True)
        with story.what_if("there is another producer beside it"):
            reads = [producer(story, name, RECEIVED) for name in ("ReadMail", "ReadShelf")]
            story.deploy(shipping(story, "1.1", producers=reads))
            story.works(after=1)
        story.deploy(shipping(story, "1.1", tells=False))
        story.deploy(shipping(story, "1.1", tells=False), accept_orphans=True)
        story.publish(SHIPPED, ("10", {"to": "z"}))
        story.works(after=3600)
        story.deploy(shipping(story, "1.2", tells=False, title="Ship"))
        story.deploy(shipping(story, "2.0", producers=[producer(story, "ReadMail", RECEIVED)]))
        story.works()


def test_lanes_that_new_code_names(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False, one_lane=True))
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b")), ("3", order("a")))
        story.trouble("Ship.lane", None, ValueError("no such lane"), ValueError("nor this"))
        story.deploy(shipping(story, "1.1", tells=False))
        story.trouble("Ship.lane", None, ValueError("no such lane"), ValueError("nor this"))
        story.deploy(shipping(story, "1.1", tells=False), accept_orphans=True)
        story.trouble("Ship.lane", None, ValueError("no such lane"), ValueError("nor this"))
        story.works()
        story.works()
        story.publish(RECEIVED, ("2", order("c")))
        story.works()
        story.deploy(shipping(story, "1.2", tells=False))
        story.works()


def test_a_deploy_while_a_call_is_under_way(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        story.outside("carrier.ship").plays(("waits", "busy"))
        story.publish(RECEIVED, ("1", order("a")), ("2", order("a", 2)))
        story.works_until_called("carrier.ship")
        story.deploy(shipping(story, "1.1", tells=False))
        story.host_goes_on("carrier.ship")
        story.works()


def test_a_deploy_while_a_consumer_prepares(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        for phase in ("prepare", "mutate", "next"):
            with story.what_if(f"it comes in {phase}"):

                def deploy() -> None:
                    story.note(f"meanwhile 1.1 is deployed, in {phase}")  # noqa: B023
                    story.deploys_now(shipping(story, "1.1", tells=False))

                story.trouble(f"Ship.{phase}", deploy)
                story.publish(RECEIVED, ("1", order("a")), ("2", order("b")))
                story.works()
                story.works()


@pytest.mark.parametrize("phase", ["prepare", "next"])
def test_a_consumer_that_fails_while_a_version_without_it_is_deployed_in(
    tell: Tell, phase: str
) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False))
        story.publish(RECEIVED, ("1", order("a")))
        without = shipping(story, "1.1", tells=False, ship_is_called="Send")
        for trouble in (ValueError("a fault"), TransientError("away"), SimulatedCrash()):
            with story.what_if(f"it raises {trouble!r}"):

                def deploy() -> None:
                    story.note("meanwhile 1.1 is deployed, which has no such consumer")
                    story.deploys_now(without, accept_orphans=True)
                    raise trouble  # noqa: B023

                story.trouble(f"Ship.{phase}", deploy)
                story.works()
                story.works(after=10)


def test_two_workflows_are_deployed_by_themselves(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False), paying(story))
        story.outside("bank.pay").plays("rejected")
        story.outside("carrier.ship").plays("rejected")
        story.publish(RECEIVED, ("1", order("a")))
        story.publish("invoice.received", ("7", {"amount": 5}), slug="pay")
        story.works()
        story.deploy(paying(story, "1.1"), note="mended")
        story.works()
