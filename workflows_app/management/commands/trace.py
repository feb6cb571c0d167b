"""`manage.py trace`: what came of an input, event or run, and what it came of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from workflows_app.management import command
from workflows_app.management.actors import add_reader, masked_for
from workflows_app.management.exits import wrong_usage
from workflows_app.management.selection import workflow_named
from workflows_app.management.tables import plain
from workflows_app.models import Event, Input, OperatorAction, Run
from workflows_app.queries.trace import Node, trace

DEPTH = 20
#: How a row is told on one line, with its facts.
LINES = {
    "input": "{source} {type} {external_id}: {title}",
    "event": "{topic} {message_id}, {status}{in_lane}",
    "run": "{name}, {status}{failure} ({workflow} {version}, {handler}{in_lane}{retry})",
    "mutation": "{mutator}{to}, {status}{resolved}",
    "decision": "“{label}” by {actor}: {reason}",
    "evidence": "{call} {attempt}: {verdict}{detail}",
}


class Command(command.Command):
    statement_limit = "report_statement_seconds"
    help = "Show everything that came of an input, an event or a run, and what it came of."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=["input", "event", "run"])
        parser.add_argument("id", help="its number; with --workflow, what it is called outside")
        parser.add_argument(
            "--workflow", help="take the id for an external id or message id of this workflow"
        )
        parser.add_argument("--depth", type=int, default=DEPTH, help=f"steps (default: {DEPTH})")
        parser.add_argument("--format", choices=["text", "json"], default="text")
        add_reader(parser)

    def handle(
        self,
        *,
        kind: str,
        id: str,
        workflow: str | None,
        depth: int,
        format: str,
        actor: str | None,
        **_: Any,
    ) -> None:
        if depth < 1:
            raise wrong_usage("--depth must be 1 or more.")
        found = _numbered(kind, id) if workflow is None else _named(kind, id, workflow)
        names = masked_for(actor)
        roots = [trace(root, depth=depth, names=names) for root in found]
        if not roots:
            raise CommandError(f"There is no {kind} {id}.")
        if format == "json":
            trees = [root.as_json() for root in roots]
            self.stdout.write(json.dumps(trees, cls=DjangoJSONEncoder))
        else:
            self.stdout.write("\n\n".join("\n".join(_told(root)) for root in roots))


def _numbered(kind: str, id: str) -> QuerySet[Any]:
    if not id.isascii() or not id.isdigit():
        raise wrong_usage(f"{id} is no number. Use --workflow to name the {kind} as outside.")
    models: dict[str, Any] = {"input": Input, "event": Event, "run": Run}
    rows: QuerySet[Any] = models[kind].objects.filter(pk=id)
    return rows


def _named(kind: str, id: str, slug: str) -> QuerySet[Any]:
    workflow = workflow_named(slug)
    if kind == "input":
        return Input.objects.filter(workflow=workflow, external_id=id).order_by("pk")
    if kind == "event":
        return Event.objects.filter(topic__workflow=workflow, message_id=id).order_by("pk")
    raise wrong_usage("A run has a number only. Leave --workflow out.")


def _told(root: Node) -> Iterator[str]:
    yield _line(root)
    for heading, branch in (("came of", "came_of"), ("led to", "led_to")):
        children = getattr(root, branch)
        if children:
            yield f"  {heading}"
            for child in children:
                yield from _branch(child, branch, "    ")


def _branch(node: Node, branch: str, indent: str) -> Iterator[str]:
    yield indent + _line(node)
    for child in getattr(node, branch):
        yield from _branch(child, branch, indent + "  ")


def _line(node: Node) -> str:
    facts = {name: "" if value is None else value for name, value in node.facts.items()}
    more = {
        "name": facts.get("title") or "without a title",
        # The main lane goes without saying.
        "in_lane": f", lane {facts['lane']}" if facts.get("lane") else "",
        "failure": f" ({facts['failure_kind']})" if facts.get("failure_kind") else "",
        "retry": f", retry of run {facts['retry_of']}" if facts.get("retry_of") else "",
        "to": f" → {facts['target']}" if facts.get("target") else "",
        "resolved": f" by {facts['resolved_by']}" if facts.get("resolved_by") else "",
    }
    if node.kind == "decision":
        more["label"] = OperatorAction.Operation(facts["operation"]).label
    if node.kind == "evidence":
        more["detail"] = f": {facts['detail']}" if facts["detail"] else ""
    line = plain(LINES[node.kind].format(**{**facts, **more}), most=200)
    marks = " (see above)" * node.is_repeated + " (there is more)" * node.is_cut
    return f"{node.kind} {node.id}: {line}{marks}"
