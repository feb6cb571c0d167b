"""`manage.py skip_events`: skip pending events of a topic, each by a decision of its own."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from workflows_app.management.actors import masked_for
from workflows_app.management.deciding import DecidingCommand, Report
from workflows_app.management.exits import wrong_usage
from workflows_app.management.selection import topic_named, workflow_named
from workflows_app.masking import secret_names, shown
from workflows_app.models import Event, Topic
from workflows_app.operations.seen import seen_now
from workflows_app.operations.skip_event import SKIP_EVENT


class Command(DecidingCommand):
    help = "Skip pending events for good: they are never processed, and stay visible."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workflow", help="the workflow's slug")
        parser.add_argument("topic")
        parser.add_argument("message_ids", nargs="*", metavar="message_id")
        parser.add_argument(
            "--all-pending", action="store_true", help="all that are pending in the topic now"
        )
        parser.add_argument(
            "--seen",
            help="with one message id: what you were shown of it, as r2; refused if it has changed",
        )
        super().add_arguments(parser)

    def handle(
        self,
        *,
        workflow: str,
        topic: str,
        message_ids: list[str],
        all_pending: bool,
        seen: str | None,
        **options: Any,
    ) -> None:
        if bool(message_ids) == all_pending:
            raise wrong_usage("Name message ids, or use --all-pending.")
        if seen is not None and len(set(message_ids)) != 1:
            raise wrong_usage("--seen is what you were shown of one event: name one message id.")
        found = topic_named(workflow_named(workflow), topic)
        report = Report()
        events = _pending(found) if all_pending else _named(found, message_ids, report)
        names = masked_for(options["actor"])
        number = "1 event" if len(events) == 1 else f"{len(events)} events"
        self.decide(
            [
                ({"event": event.pk, "message_id": shown(event, names).message_id}, event)
                for event in events
            ],
            SKIP_EVENT,
            report,
            question=f"Skip {number} of {found}, for good?",
            options=options,
            # What is known now, and not what comes while somebody is asked.
            seen=seen_now(events) if seen is None else {event.pk: seen for event in events},
        )


def _in(topic: Topic) -> QuerySet[Event]:
    """Return the events of `topic`, with their payloads only if something in them could be secret."""
    events = topic.events.select_related("topic")
    return events if secret_names() else events.defer("payload")


def _pending(topic: Topic) -> list[Event]:
    return list(_in(topic).filter(status=Event.Status.PENDING).order_by("pk"))


def _named(topic: Topic, message_ids: list[str], report: Report) -> list[Event]:
    events = {event.message_id: event for event in _in(topic).filter(message_id__in=message_ids)}
    for message_id in dict.fromkeys(message_ids):
        if message_id not in events:
            report.refuse(
                {"event": None, "message_id": message_id},
                "not_found",
                f"Topic {topic.name} of workflow {topic.workflow.slug} has no event {message_id}.",
            )
    return [events[name] for name in dict.fromkeys(message_ids) if name in events]
