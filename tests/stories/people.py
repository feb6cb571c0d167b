"""The people of the stories, and what they decide about."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User

from workflows_app.models import Event, Handler, Run, Workflow

_GROUPS = {"olga": "Workflow operators", "otto": "Workflow operators", "viktor": "Workflow viewers"}


def hired() -> dict[str, User]:
    """Return the people: olga and otto may decide, viktor may look."""
    return {name: _person(name, group) for name, group in _GROUPS.items()}


def _person(name: str, group: str) -> User:
    person = User.objects.create_user(name, is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    return person


def target_of(operation: str, target: Any) -> Any:
    """Return the row that `target` names: the number of a run, topic/message id, slug, or a consumer's name."""
    if isinstance(target, int):
        return Run.objects.get(pk=target)
    if operation == "skip_event":
        topic, _, message_id = target.rpartition("/")
        return Event.objects.get(topic__name=topic, message_id=message_id)
    if operation == "close_breaker":
        return Handler.objects.get(name=target)
    return Workflow.objects.get(slug=target)
