"""All actors by name. What is added to the project and changes a workflow gets an actor here."""

from __future__ import annotations

from tests.concurrency.actors import (
    Actor,
    Decision,
    Deploy,
    LateAnswer,
    OtherWorker,
    Publisher,
    Step,
    Sweep,
)
from tests.concurrency.arena import Arena
from tests.concurrency.places import (
    NO_ANSWER,
    abandoned,
    asserted,
    blocked,
    died_in_flight,
    died_in_prepare,
    held_back,
    pending,
    reconciling,
    refused,
    rejected,
    skipped,
    to_be_polled,
)
from workflows_app.boundaries import Boundary
from workflows_app.operations import (
    close_breaker,
    decide_now,
    it_didnt_happen,
    it_happened,
    pause_workflow,
    resume_workflow,
    retry_failed_run,
    run_producers_now,
    skip_event,
    skip_run,
    try_again,
)
from workflows_app.sdk import NotApplied

STEPS: list[Actor] = [
    Step("claim", None, Boundary.CLAIMED),
    Step("begin", pending, Boundary.BEGUN, line="claimed"),
    Step("checkpoint", pending, Boundary.CHECKED, line="prepare"),
    Step("applied", pending, Boundary.SETTLED, line="answered"),
    Step("unknown", pending, Boundary.SETTLED, line="answered", failing=NO_ANSWER),
    Step(
        "refused", pending, Boundary.SETTLED, line="answered", failing=NotApplied("no such account")
    ),
    Step("fail", pending, Boundary.FAILED, line="next", fault=ValueError("a fault of the code")),
    Step("commit", pending, Boundary.COMMITTED, line="next"),
    Step("ask", reconciling, Boundary.BEGUN, line="claimed"),
    Step("settle", reconciling, Boundary.RECONCILED, line="asked"),
    Step("give up", reconciling, Boundary.RECONCILED, line="asked", evading=True),
    Step("recover", died_in_flight, Boundary.BEGUN, line="claimed"),
    Step("tidy up", died_in_prepare, Boundary.BEGUN, line="claimed"),
    Step("retry", refused, Boundary.BEGUN, line="claimed"),
    Step("continue", skipped, Boundary.BEGUN, line="claimed"),
    Step("repeat", asserted, Boundary.CHECKED, line="begun"),
    Step("poll", to_be_polled, Boundary.COMMITTED, line="poll"),
    Step(
        "rest", None, Boundary.RESTED, line="claimed", on_the_way=("begun",), usual_place=rejected
    ),
    Step("release", pending, Boundary.RELEASED, line="committed", max_steps=1),
    LateAnswer("late answer", pending, None, line="answer"),
]


def event(arena: Arena) -> object:
    return arena.events().get(message_id="42")


def workflow(arena: Arena) -> object:
    return arena.row


def consumer(arena: Arena) -> object:
    return arena.row.handlers.get(kind="consumer")


DECISIONS: list[Actor] = [
    Decision("skip_event", operation=skip_event, subject=event),
    Decision("try_again", blocked, operation=try_again),
    Decision("it_happened", blocked, operation=it_happened),
    Decision("it_didnt_happen", blocked, operation=it_didnt_happen),
    Decision("skip_run", blocked, operation=skip_run),
    Decision("decide_now", reconciling, operation=decide_now),
    Decision("retry_failed_run", rejected, operation=retry_failed_run),
    Decision("pause_workflow", operation=pause_workflow, subject=workflow),
    Decision("resume_workflow", operation=resume_workflow, subject=workflow, is_paused=True),
    Decision("run_producers_now", operation=run_producers_now, subject=workflow),
    Decision("close_breaker", held_back, operation=close_breaker, subject=consumer),
]
PUBLISHERS: list[Actor] = [
    Publisher("publish new", message_id="43"),
    Publisher("publish changed", payload="new"),
    Publisher("publish same"),
]
DEPLOYS: list[Actor] = [
    Deploy("repair", version="1.1"),
    Deploy("orphaning", version="2.0", consumes=False),
]
OTHERS: list[Actor] = [
    OtherWorker("second claim", None, Boundary.CLAIMED),
    OtherWorker("takeover", abandoned, Boundary.CLAIMED, is_expired=True),
    Sweep("sweep", pending, None),
]
CAST = {actor.name: actor for actor in [*STEPS, *DECISIONS, *PUBLISHERS, *DEPLOYS, *OTHERS]}
