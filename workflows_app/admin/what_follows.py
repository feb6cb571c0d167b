"""What follows in the workflow from an outside effect, and what never will: in the words of this run's own code.

What is published, who takes it, and which events are skipped for good.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from workflows_app import registry
from workflows_app.admin.seeing import may_see, shown
from workflows_app.admin.values import in_brief
from workflows_app.admin.visible import visible
from workflows_app.models import Event, Mutation, Run

#: Of the events of one run no more are named; the others are counted.
NAMED_AT_MOST = 10
_NAME_LENGTH = 200


def news(run: Run) -> str:
    """Say what the consumer of `run` publishes when its effect has happened, and who takes that.

    Of several topics its code may leave out some: nothing more is promised.
    """
    topics = _topics(run)
    if topics is None:
        return _("what it publishes is not known here")
    if not topics:
        return _("it publishes nothing")
    taken = _("%(topic)s is published, and %(consumer)s takes it")
    left = _("%(topic)s is published, and no consumer takes it")
    told = "; ".join(
        (taken if consumer else left) % {"topic": topic, "consumer": consumer}
        for topic, consumer in topics
    )
    return (
        told
        if len(topics) == 1
        else _("of these, what its code decides: %(news)s") % {"news": told}
    )


def never_follows(run: Run) -> str:
    """Say what will never happen by itself once `run`, or what it failed to do, is skipped."""
    if run.status != Run.Status.FAILED:
        told = _("If “%(what)s” was not done, this workflow never does it.")
    else:
        # Without a title it ended before it was about anything.
        told = _("This workflow never does “%(what)s”.") if run.title else ""
    return " ".join(filter(None, (told % {"what": name_of(run)}, *_unpublished(run))))


def _unpublished(run: Run) -> list[str]:
    topics = _topics(run)
    if topics is None:
        told = _(
            "What it would have published is not known here, and who waits for that is not told."
        )
        return [told]
    taken = _("%(topic)s is not published as after a success, so %(consumer)s never learns of it.")
    left = _("%(topic)s is not published as after a success, and who waits for that is not told.")
    return [
        (taken if consumer else left) % {"topic": topic, "consumer": consumer}
        for topic, consumer in topics
    ]


def events_of(runs: Sequence[Run]) -> dict[int, list[dict[str, str]]]:
    """Return of each run the events that it holds, by topic and name, each with what tells most of it. One query."""
    if not may_see(Event):
        return {}
    found: dict[int, list[dict[str, str]]] = defaultdict(list)
    held = Event.objects.filter(reserved_by__in=[run.pk for run in runs]).select_related("topic")
    for event in held.order_by("pk"):
        each = shown(event)
        name = f"{each.topic.name} {visible(each.message_id, _NAME_LENGTH)}"
        brief = in_brief(each.payload, without=each.message_id)
        assert event.reserved_by_id is not None
        found[event.reserved_by_id].append({"name": name, "brief": brief})
    return dict(found)


def name_of(run: Run) -> str:
    """Return by what people know what `run` was to do, as far as the person may see it."""
    run = shown(run)
    mutation = run.settled_mutation if may_see(Mutation) else None
    effect = (mutation.target or mutation.mutator) if mutation is not None else ""
    return visible(run.title or effect or run.handler.name, _NAME_LENGTH)


def _topics(run: Run) -> list[tuple[str, str]] | None:
    """Return what the consumer of `run` publishes, each with who takes it; None without its code."""
    workflow = registry.get(run.workflow.slug)
    handler: Any = workflow.handler_named(run.handler.name) if workflow else None
    if workflow is None or handler is None:
        return None
    takers = ((topic, workflow.consumer_of(topic)) for topic in handler.publishes)
    return [(topic, taker.handler_name() if taker else "") for topic, taker in takers]
