"""What a command is about: the workflows and topics that people name."""

from __future__ import annotations

from django.core.management.base import CommandError

from workflows_app.errors import UnknownTopic, UnknownWorkflow
from workflows_app.models import Topic, Workflow


def workflow_named(slug: str) -> Workflow:
    """Return the workflow of this slug. Raises CommandError."""
    workflow = Workflow.objects.filter(slug=slug).first()
    if workflow is None:
        raise CommandError(str(UnknownWorkflow(slug)))
    return workflow


def topic_named(workflow: Workflow, name: str) -> Topic:
    """Return the topic of this name. Raises CommandError that lists those there are."""
    topics = {topic.name: topic for topic in Topic.objects.filter(workflow=workflow)}
    if name not in topics:
        raise CommandError(str(UnknownTopic(workflow.slug, name, list(topics))))
    return topics[name]
