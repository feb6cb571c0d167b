"""Copies of instances: what a transaction changes in memory must not show before it is durable."""

from __future__ import annotations

from typing import TypeVar

from django.db import models
from django.db.models.base import ModelState

M = TypeVar("M", bound=models.Model)


def copy_of(instance: M) -> M:
    """Return an instance of the same row that can be changed by itself. Related instances are shared."""
    made = object.__new__(type(instance))
    made.__dict__.update(instance.__dict__)
    before, state = instance._state, ModelState()
    state.__dict__.update(before.__dict__)
    state.fields_cache = before.fields_cache.copy()
    written = getattr(before, "written", None)
    if written is not None:
        state.written = dict(written)  # type: ignore[attr-defined]
    made._state = state
    return made
