"""Each decision of a person, and each deploy, in each state of a run: a line for each pair."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from tests.stories.conftest import Tell
from tests.stories.people import target_of
from tests.stories.shop import RECEIVED, shipping
from tests.stories.states import STATES
from tests.stories.story import Story
from tests.stories.table import add_line
from tests.stories.test_decisions import OF_RUNS
from tests.stories.test_deploys import DEPLOYS
from workflows_app.models import Run
from workflows_app.operations import pause_workflow, skip_event, take

#: What a deploy does in these is what it does in others.
_LIKE_OTHERS = {"is blocked and can be asked", "is poison", "crashed in prepare", "is committed"}


def _each_state(
    tell: Tell, add_lines: Callable[[Story, str], None], *, but: Collection[str] = ()
) -> None:
    with tell() as story:
        for state, reach in STATES.items():
            if state in but:
                continue
            with story.branch():
                story.tell("", f"A run of order 1 {state}:")
                with story.in_short():
                    reach(story)
                add_lines(story, state)


def test_what_people_may_do_in_each_state(tell: Tell) -> None:
    def add_lines(story: Story, state: str) -> None:
        newest = Run.objects.filter(lane="a").order_by("pk").last()
        targets: list[tuple[Callable[..., Any], Any, dict[str, Any]]] = []
        if newest is not None:
            targets += [(operation, newest.pk, options) for operation, options in OF_RUNS]
        targets += [(skip_event, f"{RECEIVED}/1", {}), (skip_event, f"{RECEIVED}/2", {})]
        targets += [(pause_workflow, "ship", {})]
        for operation, target, options in targets:
            name = operation.__name__

            def press(operation=operation, name=name, target=target, options=options) -> None:  # type: ignore[no-untyped-def]
                row, actor = target_of(name, target), story.people["olga"]
                operation(row, actor=actor, reason="looked", **options)

            add_line(
                story, f"{name} {target}", press, seconds=60, is_followed=operation is not take
            )

    _each_state(tell, add_lines)


def test_a_deploy_in_each_state(tell: Tell) -> None:
    codes: dict[str, Any] = {}

    def add_lines(story: Story, state: str) -> None:
        for name, (version, changes, options) in DEPLOYS.items():
            if name == "code without the mutator, and orphans are accepted":
                continue
            if name not in codes:
                codes[name] = shipping(story, version, tells=False, **changes)

            def deploy(name=name, options=options) -> None:  # type: ignore[no-untyped-def]
                story.deploys_now(codes[name], **options)

            add_line(story, name, deploy, seconds=12)

    _each_state(tell, add_lines, but=_LIKE_OTHERS)
