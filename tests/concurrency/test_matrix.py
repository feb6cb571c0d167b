"""Workers meet everybody, in both orders, and the one who holds the lock wins (P1 to P4, P6).

The first one is held at its commit. PostgreSQL says that the second one waits for it; or it is a worker's
turn, finds the workflow locked and tries again; or it passes, where the design says so. Then the first one
is let go. The tables under `matrix` say what comes of it. Some who are no workers meet too: people who press
the same buttons, applications that publish the same, deploys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection

from tests.concurrency import gates
from tests.concurrency.actors import Decision, Deploy, OtherWorker, Publisher, Step
from tests.concurrency.arena import Arena
from tests.concurrency.cast import CAST, STEPS, workflow
from tests.concurrency.conftest import left_behind
from tests.concurrency.meeting import Outcome, meet
from tests.concurrency.table import Line, lines, reasons
from tests.eventually import eventually
from tests.jobs import empty_queue
from workflows_app import operations, registry
from workflows_app.boundaries import Boundary
from workflows_app.doctor import CHECKS, Severity, examine
from workflows_app.sdk import Workflow

LINES = list(lines())
ORDERS = {(line.first, line.second) for line in LINES}
PLACES = {name: number for number, name in enumerate(CAST, 1)}
#: Of those of such a kind one after the other meets a step without `--long`: there are several of each.
TAKING_TURNS = (Deploy, OtherWorker, Publisher, workflow)


def is_long(line: Line) -> bool:
    """Tell whether the two meet with `--long` only, where each pair meets in both orders.

    Without it a pair meets once, every second one in reverse order, and a step meets each decision about a
    run or an event, one about its workflow, and one of each other kind.
    """
    first, second = PLACES[line.first], PLACES[line.second]
    is_met_otherwise = first != second and (line.second, line.first) in ORDERS
    is_reverse = is_met_otherwise and (first < second) == bool((first + second) % 2)
    return is_reverse or is_others_turn(line)


def is_others_turn(line: Line) -> bool:
    """Tell whether another one of the same kind is to meet the step."""
    if not take_turns(line.first, line.second):
        return False
    step, other = sorted((line.first, line.second), key=lambda name: kind_of(name) in TAKING_TURNS)
    same = [
        name
        for name in CAST
        if kind_of(name) is kind_of(other) and ORDERS & {(step, name), (name, step)}
    ]
    return same[PLACES[step] % len(same)] != other


def take_turns(one: str, other: str) -> bool:
    """Tell whether one of the two is a step, and the other one of several that meet it in turn."""
    return any(isinstance(CAST[name], Step) for name in (one, other)) and any(
        kind_of(name) in TAKING_TURNS for name in (one, other)
    )


def kind_of(name: str) -> Any:
    """Return the type of an actor, or, of a decision about a whole workflow, that it is one."""
    actor = CAST[name]
    return workflow if getattr(actor, "subject", None) is workflow else type(actor)


MEETINGS = [
    pytest.param(line, marks=[pytest.mark.long] if is_long(line) else [], id=line.slug)
    for line in LINES
]
#: Boundaries right before which nothing is written: a step stands there before its transaction.
BEFORE = (Boundary.ANSWERED, Boundary.ASKED)


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """One database for all meetings, each at a workflow of its own. It is emptied once, at the end."""
    with django_db_blocker.unblock():
        gates.build()
        yield
        gates.remove()
        call_command("flush", verbosity=0, interactive=False)
        empty_queue()


@pytest.fixture(scope="module")
def codes(transactional_db: None) -> Iterator[list[type[Workflow]]]:
    """The code that each workflow has in the end. After all meetings the doctor looks at them."""
    for name in ("olga", "otto", "pia"):
        person = User.objects.create_user(name, is_staff=True)
        person.groups.add(Group.objects.get(name="Workflow operators"))
    codes: list[type[Workflow]] = []
    yield codes
    with connection.cursor() as cursor:
        # Thousands of rows within a minute: the server's statistics may still say that there are none.
        cursor.execute("ANALYZE")
    with registry.override(*codes):
        found = [
            f"{finding.workflow}: {finding.check.id} {finding.found.detail}"
            for finding in examine(CHECKS)
            if finding.check.severity is Severity.VIOLATION
        ]
    assert found == []


@pytest.mark.parametrize("line", MEETINGS)
def test_the_first_one_wins_and_the_second_one_is_told(
    codes: list[type[Workflow]], line: Line
) -> None:
    arena = Arena(line.slug)

    outcome = meet(arena, CAST[line.first], CAST[line.second], way=line.way)

    codes.append(arena.deployed or arena.workflow)
    assert outcome == Outcome(line.told, line.ends)
    eventually(left_behind, [], every_seconds=0.002)


def test_every_worker_meets_everybody_or_there_is_a_reason_why_it_cannot() -> None:
    meetings = Counter((line.first, line.second) for line in LINES)
    excused = [pair for reason in reasons() for pair in reason.pairs]

    assert [pair for pair, number in meetings.items() if number > 1] == []
    assert sorted(set(meetings) & set(excused)) == []
    assert sorted({*meetings, *excused} - set(product(CAST, CAST))) == []
    assert sorted(set(filter(has_a_worker, product(CAST, CAST))) - {*meetings, *excused}) == []


def has_a_worker(pair: tuple[str, str]) -> bool:
    return any(isinstance(CAST[name], Step | OtherWorker) for name in pair)


def test_without_long_each_step_meets_each_decision_and_each_kind() -> None:
    short = {(line.first, line.second) for line in LINES if not is_long(line)}

    assert who_meets(short) == who_meets(ORDERS)
    assert {first for first, _ in short} == {first for first, _ in ORDERS}
    assert {second for _, second in short} == {second for _, second in ORDERS}


def who_meets(orders: set[tuple[str, str]]) -> set[tuple[str, Any]]:
    """Return who meets whom, in whatever order; of those who take turns with a step, the kind."""
    met: set[tuple[str, Any]] = set()
    for one, other in orders | {(second, first) for first, second in orders}:
        if not take_turns(one, other):
            met.add((one, other))
        elif isinstance(CAST[one], Step):
            met.add((one, kind_of(other)))
    return met


def test_every_operation_is_somebodys_and_meets_others() -> None:
    # What changes no state is only kept; what ends a workflow is refused while a worker could come to it.
    changing = {
        each.function.__module__
        for each in operations.DECLARED
        if each.change and not each.change.sets
    }
    theirs = {actor.operation.__module__ for actor in CAST.values() if isinstance(actor, Decision)}

    assert theirs == changing


def test_every_boundary_is_where_a_transaction_begins_or_ends() -> None:
    ends = {actor.ends_at for actor in CAST.values() if actor.ends_at}
    begins = {Boundary(step.line) for step in STEPS if step.line in {b.value for b in BEFORE}}

    assert set(Boundary) - ends - begins == set()
