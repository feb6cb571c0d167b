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

from workflows_app import masking
from workflows_app.masking import Names, names_for
from workflows_app.models import Evidence, Run

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


def may_see_why(run: Run, why: str) -> bool:
    """Tell whether the person may see what holds up a run: of one that has not failed it is what the outside said."""
    return bool(run.failure_kind or not why or may_see(Evidence))


def masked_names() -> Names:
    """Return the names whose values the person sees masked. One query a page, and none for who sees all."""
    request = _request.get()
    if request is None:
        return names_for(None)
    if "workflows_masked_names" not in vars(request):
        vars(request)["workflows_masked_names"] = names_for(getattr(request, "user", None))
    names: Names = vars(request)["workflows_masked_names"]
    return names


def shown(row: T) -> T:
    """Return `row` as the person may see it: itself, or a copy with what is secret masked. Never save it."""
    copied: T = masking.shown(row, masked_names())
    return copied


def shown_text(row: Any, text: str) -> str:
    """Return what a text tells about `row`, which was `shown`, as the person may see it."""
    return masking.struck_of(row, text)


def shown_value(value: Any, *, about: Any = None) -> Any:
    """Return a JSON value as the person may see it: one of the row `about`, which was `shown`, or of none."""
    return masking.masked(value, masked_names(), getattr(about, "secrets", ()))


def all_that_may_be_seen() -> dict[str, bool]:
    """Return for each model of this app, by its name, whether the person may see it: for templates."""
    models = apps.get_app_config("workflows_app").get_models()
    return {str(model._meta.model_name): may_see(model) for model in models}


def seen(model: type[Model], rows: Iterable[T]) -> Iterable[T]:
    """Return the rows of `model` that the person may see, as they may see them: all of them, or none."""
    if not may_see(model):
        return ()
    return [shown(row) for row in rows] if masked_names() else rows
