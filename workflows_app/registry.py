"""The workflows that the code declares, by slug. What runs is decided by the database."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import CodeType
from typing import Any

from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.registration import declared
from workflows_app.sdk.workflow import Workflow, validate

#: Bases that come with this project; the scripted mutators of tests also keep their records there.
_NOT_AUTHORS = ("workflows_app.sdk", "workflows_app.connectors", "workflows_app.testing")


def get(slug: str) -> type[Workflow] | None:
    """Return the workflow that the code declares under `slug`, if any."""
    return declared.get(slug)


def mutator(slug: str, name: str) -> type[Mutator] | None:
    """Return the mutator of this name that the code of workflow `slug` lists, if any."""
    workflow = declared.get(slug)
    return workflow.mutator_named(name) if workflow else None


def all_workflows() -> list[type[Workflow]]:
    """Return all workflows that the code declares, by slug."""
    return [declared[slug] for slug in sorted(declared)]


@contextmanager
def override(*workflows: type[Workflow]) -> Iterator[None]:
    """Make `workflows` known for a block, in place of others of the same slugs."""
    for workflow in workflows:
        validate(workflow)
    before = dict(declared)
    declared.update({workflow.slug: workflow for workflow in workflows})
    try:
        yield
    finally:
        declared.clear()
        declared.update(before)


def source_digest(workflow: type[Workflow]) -> str:
    """Return a digest of the source of the workflow, its handlers and mutators, and their bases.

    Blank lines and trailing spaces do not count. A class that was made without a `class` statement
    counts by its attributes and its compiled code.
    """
    classes = [workflow, *workflow.handlers(), *workflow.mutators]
    digest = hashlib.sha256()
    for cls in dict.fromkeys(base for c in classes for base in c.__mro__):
        if cls is not object and not cls.__module__.startswith(_NOT_AUTHORS):
            digest.update(f"{cls.__qualname__}\n{_source(cls)}\n".encode())
    return digest.hexdigest()


def _source(cls: type) -> str:
    if _is_written(cls):
        with contextlib.suppress(OSError, TypeError):
            lines = textwrap.dedent(inspect.getsource(cls)).splitlines()
            return "\n".join(line.rstrip() for line in lines if line.strip())
    return "\n".join(
        f"{name} {_compiled(value.__code__) if inspect.isfunction(value) else _plain(value)}"
        for name, value in sorted(vars(cls).items())
    )


def _is_written(cls: type) -> bool:
    """Tell whether `cls` stands in its module under its name: then its source is its own."""
    if "<locals>" in cls.__qualname__:
        return True
    found: Any = sys.modules.get(cls.__module__)
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls


def _compiled(code: CodeType) -> str:
    constants = [
        _compiled(item) if isinstance(item, CodeType) else _plain(item) for item in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _plain(value: object) -> str:
    """Return `value` as text if that is the same in every process, else its type."""
    if isinstance(value, str | bytes | int | float | bool | timedelta | None):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_plain(item) for item in value)}]"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(_plain(item) for item in value))}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{key}: {_plain(item)}' for key, item in value.items()))}}}"
    return type(value).__qualname__ if not isinstance(value, type) else value.__qualname__
