"""What of a page its person may see: the page of a run shows no inputs to whoever may not see inputs.

Pages tell of rows of other models. Each of those asks for Django's view permission of its own model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.apps import apps
from django.db.models import Model
from django.http import HttpRequest

T = TypeVar("T")

#: The request for which a page is made now. Without one nothing of other models is shown.
_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


@contextmanager
def seen_by(request: HttpRequest) -> Iterator[None]:
    """Make a page for the person of `request` in the block."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def may_see(*models: type[Model]) -> bool:
    """Tell whether the person may see the rows of all these models."""
    person: Any = getattr(_request.get(), "user", None)
    return person is not None and all(
        person.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")
        for model in models
    )


def all_that_may_be_seen() -> dict[str, bool]:
    """Return for each model of this app, by its name, whether the person may see it: for templates."""
    models = apps.get_app_config("workflows_app").get_models()
    return {str(model._meta.model_name): may_see(model) for model in models}


def seen(model: type[Model], rows: Iterable[T]) -> Iterable[T]:
    """Return the rows of `model` that the person may see: all of them, or none."""
    return rows if may_see(model) else ()
