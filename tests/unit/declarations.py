"""Small declarations of workflows, one part of which a test makes wrong."""

from __future__ import annotations

from typing import Any

from workflows_app.sdk import Consumer, Every, Mutator, PrepareResult, Producer, Workflow
from workflows_app.sdk.workflow import Workflow as WorkflowCode


def made(name: str, base: type, /, **attributes: Any) -> Any:
    """Return a class as an author would write it in this module."""
    return type(name, (base,), {"__module__": __name__, **attributes})


def producer(**attributes: Any) -> Any:
    return made(
        "Read",
        Producer,
        **{"publishes": ["in"], "schedule": Every(hours=1), "poll": lambda *_: None} | attributes,
    )


def consumer(**attributes: Any) -> Any:
    prepare = lambda *_: PrepareResult.nothing()  # noqa: E731 - it becomes a method
    return made("Take", Consumer, **{"subscribes": ["in"], "prepare": prepare} | attributes)


def mutator(**attributes: Any) -> Any:
    return made("Send", Mutator, **{"name": "send", "execute": lambda *_, **__: None} | attributes)


def workflow(**attributes: Any) -> type[WorkflowCode]:
    declared: type[WorkflowCode] = made(
        "Flow",
        Workflow,
        **{
            "slug": "flow",
            "title": "A flow",
            "version": "1.0",
            "producers": [producer()],
            "consumers": [consumer()],
            "mutators": [mutator()],
        }
        | attributes,
    )
    return declared
