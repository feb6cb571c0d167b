"""What another version of the code would leave without its handler or mutator: refused, unless accepted (P2, P6)."""

from __future__ import annotations

from collections import Counter

from workflows_app.engine.adopting import kind_of
from workflows_app.errors import SyncRefused
from workflows_app.models import Event, Handler, LaneState, Mutation, Workflow
from workflows_app.queries.lanes import unfinished
from workflows_app.sdk.workflow import Workflow as WorkflowCode


def refuse_orphans(code: type[WorkflowCode], workflow: Workflow) -> None:
    """Refuse a version that leaves pending events without a consumer, or a run without its handler."""
    problems = []
    for topic in workflow.topics.exclude(consumer=None):
        if code.consumer_of(topic.name) is None:
            count = topic.events.filter(status=Event.Status.PENDING).count()
            if count:
                problems.append(f"topic '{topic.name}' has {count:,} pending event(s)")
    names = [handler.handler_name() for handler in code.handlers()]
    problems += [
        f"run {run.pk} of '{run.handler.name}' is {run.status}"
        for run in workflow.runs.filter(unfinished())
        .exclude(handler__name__in=names)
        .select_related("handler")
    ]
    problems += _orphaned_mutators(code, workflow)
    problems += _orphaned_producers(code, workflow)
    if problems:
        raise SyncRefused(
            "orphans",
            f"{code.slug} {code.version} lacks what is still needed: {'; '.join(problems)}. Keep it"
            f" until that is done, or use --accept-orphans.",
        )


def refuse_other_kinds(code: type[WorkflowCode], workflow: Workflow) -> None:
    """Refuse a producer that has the name of a consumer that there was, or the other way round.

    What waits under that name, its runs, states and retries, is of the other kind.
    """
    was = dict(workflow.handlers.values_list("name", "kind"))
    for handler in code.handlers():
        name, kind = handler.handler_name(), kind_of(handler)
        if was.get(name, kind) != kind:
            raise SyncRefused(
                "other_kind",
                f"{code.slug} {code.version}: '{name}' was a {was[name]}, and is a {kind} now. Give the"
                f" {kind} a name of its own.",
            )


def _orphaned_mutators(code: type[WorkflowCode], workflow: Workflow) -> list[str]:
    """Say of which effects nobody knows whether they happened, and the code could not ask any more."""
    names = [mutator.name for mutator in code.mutators]
    unsettled = Mutation.objects.filter(run__workflow=workflow, status__in=Mutation.UNKNOWN)
    counts = Counter(unsettled.exclude(mutator__in=names).values_list("mutator", flat=True))
    return [
        f"mutator '{name}' has {count:,} effect(s) with an unknown outcome"
        for name, count in sorted(counts.items())
    ]


def _orphaned_producers(code: type[WorkflowCode], workflow: Workflow) -> list[str]:
    """Say which producers have read up to somewhere, and would begin anew under another name."""
    names = [producer.handler_name() for producer in code.producers]
    states = LaneState.objects.filter(
        handler__workflow=workflow,
        handler__kind=Handler.Kind.PRODUCER,
        handler__is_current=True,
        state__isnull=False,
    )
    return [
        f"producer '{name}' has a state, from where it goes on"
        for name in states.exclude(handler__name__in=names).values_list("handler__name", flat=True)
    ]
