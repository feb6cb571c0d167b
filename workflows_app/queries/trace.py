"""All that came of a row, and all that it came of, as a tree (P5).

Two directions from one root: back to the inputs, and forth to runs, outside effects, evidence,
decisions and events that were published in turn. What was shown before is only named again, and
beyond a depth the tree is cut, so that a workflow that feeds itself gives a tree all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows_app.masking import Names, shown
from workflows_app.models import Event, Input, Mutation, OperatorAction, Run
from workflows_app.queries import lineage


@dataclass
class Node:
    """One row in the tree. `facts` say what a reader wants to know of it."""

    kind: str
    id: int
    facts: dict[str, Any]
    came_of: list[Node] = field(default_factory=list)
    led_to: list[Node] = field(default_factory=list)
    #: It was shown before, with all that belongs to it.
    is_repeated: bool = False
    #: There is more, beyond the depth or the limit.
    is_cut: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the tree as JSON; what is empty or false is left out."""
        marks = {"repeated": self.is_repeated, "cut": self.is_cut}
        branches = {
            "came_of": [node.as_json() for node in self.came_of],
            "led_to": [node.as_json() for node in self.led_to],
        }
        told = {name: value for name, value in {**marks, **branches}.items() if value}
        return {"kind": self.kind, "id": self.id, **self.facts, **told}


def trace(root: Input | Event | Run, *, depth: int, names: Names = frozenset()) -> Node:
    """Return the tree of `root`, at most `depth` steps in each direction. `names` are masked."""
    node = _node(shown(root, names))
    _Back(depth, names).fill(node, root, 0)
    _Forth(depth, names).fill(node, root, 0)
    return node


class _Direction:
    """One walk through the tree: which rows are next to a row, and into which list they go."""

    def __init__(self, depth: int, names: Names) -> None:
        self._depth, self._names = depth, names
        self._seen: set[tuple[str, int]] = set()

    def fill(self, node: Node, row: Any, level: int) -> None:
        self._seen.add((node.kind, node.id))
        nexts = self.nexts(row, level)
        if nexts and level >= self._depth:
            node.is_cut = True
            return
        for following in nexts:
            child = _node(shown(following, self._names))
            self.branch(node).append(child)
            if (child.kind, child.id) in self._seen:
                child.is_repeated = True
            else:
                self.fill(child, following, level + 1)
        node.is_cut = node.is_cut or len(nexts) >= lineage.LIMIT

    def nexts(self, row: Any, level: int) -> Sequence[Any]:
        raise NotImplementedError

    def branch(self, node: Node) -> list[Node]:
        raise NotImplementedError


class _Back(_Direction):
    def branch(self, node: Node) -> list[Node]:
        return node.came_of

    def nexts(self, row: Any, level: int) -> Sequence[Any]:
        if isinstance(row, Event):
            creators = [row.created_by] if row.created_by else []
            return [*lineage.inputs_of_event(row), *creators]
        if isinstance(row, Run):
            reserved = list(lineage.events_reserved_by(row))
            return reserved or ([row.retry_of] if row.retry_of else [])
        return []


class _Forth(_Direction):
    def branch(self, node: Node) -> list[Node]:
        return node.led_to

    def nexts(self, row: Any, level: int) -> Sequence[Any]:
        if isinstance(row, Input):
            return self._not_led_to_by_another(list(lineage.events_of_input(row)))
        if isinstance(row, Event):
            return [
                *row.operator_actions.order_by("pk"),
                *_with_retries(lineage.runs_of_event(row)),
            ]
        if isinstance(row, Run):
            own = [row.own_mutation] if row.own_mutation else []
            decisions = row.operator_actions.order_by("pk")
            # Under an event they stand beside it.
            retries = _with_retries([row])[1:] if level == 0 else []
            return [*own, *decisions, *retries, *lineage.events_published_by(row)]
        if isinstance(row, Mutation):
            return list(row.evidence.order_by("pk"))
        return []

    def _not_led_to_by_another(self, events: list[Event]) -> list[Event]:
        """Return those that no run made of the others: these are shown where they came from."""
        keys = [event.pk for event in events]
        makers = Run.objects.filter(created_events__in=keys, reservations__event__in=keys)
        inner = set(makers.values_list("created_events", flat=True))
        return [event for event in events if event.pk not in inner]


def _with_retries(runs: Iterable[Run]) -> list[Run]:
    """Return `runs` and their retries, also those that found nothing to reserve."""
    found = {run.pk: run for run in runs}
    ends = list(found.values())
    while ends:
        retry = Run.objects.filter(retry_of=ends.pop()).first()
        if retry is not None and retry.pk not in found:
            found[retry.pk] = retry
            ends.append(retry)
    return [found[pk] for pk in sorted(found)]


def _node(row: Any) -> Node:
    kind = type(row).__name__.lower()
    return Node("decision" if kind == "operatoraction" else kind, row.pk, _facts(row))


def _facts(row: Any) -> dict[str, Any]:
    if isinstance(row, Input):
        identity = {"source": row.source, "type": row.type, "external_id": row.external_id}
        return {"workflow": row.workflow.slug, **identity, "title": row.title}
    if isinstance(row, Event):
        topic = {"workflow": row.topic.workflow.slug, "topic": row.topic.name}
        return {**topic, "message_id": row.message_id, "lane": row.lane, "status": row.status}
    if isinstance(row, Run):
        return {
            "workflow": row.workflow.slug,
            "handler": row.handler.name,
            "lane": row.lane,
            "version": str(row.version),
            "title": row.title,
            "status": row.status,
            "failure_kind": row.failure_kind,
            "failure_message": row.failure_message,
            "retry_of": row.retry_of_id,
        }
    if isinstance(row, Mutation):
        names = (
            "mutator",
            "target",
            "params",
            "idempotency_key",
            "status",
            "resolved_by",
            "result",
        )
        return {name: getattr(row, name) for name in names}
    if isinstance(row, OperatorAction):
        told = {"operation": row.operation, "actor": row.actor_name, "reason": row.reason}
        return {**told, "at": row.created_at}
    told = {"call": row.kind, "at": row.created_at, "attempt": row.attempt}
    return {**told, "verdict": row.verdict, "detail": row.detail, "contradicts": row.contradicts}
