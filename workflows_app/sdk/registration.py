"""Where `@register` puts a workflow. `workflows_app.registry` is what the host reads."""

from __future__ import annotations

from workflows_app.errors import DefinitionError
from workflows_app.sdk.workflow import Workflow, validate

#: The workflows that the code declares, by slug.
declared: dict[str, type[Workflow]] = {}


def register(workflow: type[Workflow]) -> type[Workflow]:
    """Class decorator: check the declaration and make it known. Raises DefinitionError."""
    validate(workflow)
    known = declared.get(workflow.slug)
    if known is not None and path_of(known) != path_of(workflow):
        raise DefinitionError(
            f"{workflow.__qualname__}: slug '{workflow.slug}' is taken by {path_of(known)}."
        )
    declared[workflow.slug] = workflow
    return workflow


def path_of(workflow: type[Workflow]) -> str:
    """Return the dotted path of the class, as people write it."""
    return f"{workflow.__module__}.{workflow.__qualname__}"
