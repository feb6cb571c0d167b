"""A table: what follows from one state, a line for each thing that can be done in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.stories.story import Story
from tests.stories.telling import wrapped
from workflows_app.errors import OperationRefused, WorkflowsError
from workflows_app.models import Event, Run


def add_line(
    story: Story, what: str, do: Callable[[], Any], *, seconds: float, is_followed: bool = True
) -> None:
    """Tell what it changes at once, and what has when the host has worked `seconds` later; or why it was refused."""
    with story.branch():
        calls, before = len(story.sent()), [*_runs(), *_events()]
        try:
            do()
        except OperationRefused as refused:
            told = f"refused ({refused.code}): {refused}"
        except WorkflowsError as error:
            told = f"refused: {error}"
        else:
            at_once = [*_runs(), *_events()]
            told = f"{', '.join(each for each in at_once if each not in before) or 'as before'}"
            if is_followed:
                story.works_untold(after=seconds)
                then = [each for each in (*_runs(), *_events()) if each not in at_once]
                sent = len(story.sent()) - calls
                told += f"; later {', '.join(then) or 'the same'}; sent {sent}"
    story.tell(*wrapped(f"{what}: {told}"))


def _runs() -> Iterator[str]:
    """Yield the state of each run of lane a."""
    for run in Run.objects.filter(lane="a").select_related("mutation").order_by("pk"):
        words = [str(run.pk), run.status, run.failure_kind]
        words += [run.phase] if run.status in Run.OPEN else []
        words += ["owes" if run.owes_retry else ""]
        mutation = getattr(run, "mutation", None)
        words += [f"({mutation.status} {mutation.resolved_by}".strip() + ")"] if mutation else []
        yield " ".join(filter(None, words))


def _events() -> Iterator[str]:
    for event in Event.objects.filter(topic__name="order.received").order_by("pk"):
        yield f"{event.message_id} {event.status}"
