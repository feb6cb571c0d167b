"""Instances made in memory: copies, and rows that are new or were read.

A transaction changes copies: what it changes in memory must not show before it is durable. `new` and `read`
give what a model's own constructor and `from_db` give, without their checks and signals: a turn makes hundreds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.base import ModelState

M = TypeVar("M", bound=models.Model)


def copy_of(instance: M) -> M:
    """Return an instance of the same row that can be changed by itself. Related instances are shared."""
    made = object.__new__(type(instance))
    made.__dict__.update(instance.__dict__)
    before, state = instance._state, ModelState()
    state.__dict__.update(before.__dict__)
    state.fields_cache = before.fields_cache.copy()
    made._state = state
    return made


def new(model: type[M], **values: Any) -> M:
    """Return an instance that is still to be added. `values` by the names of fields or of their columns.

    The other side of a one-to-one relation is not told. Raises TypeError for what is no field.
    """
    made, state = object.__new__(model), ModelState()
    held = made.__dict__
    constants, called = defaults_of(model)
    held.update(constants)
    held.update({attribute: default() for attribute, default in called})
    related = _related(model)
    for name, value in values.items():
        if name in related:
            state.fields_cache[name] = value
            held[related[name]] = value.pk if value is not None else None
        elif name in held:
            held[name] = value
        else:
            raise TypeError(f"{model.__name__} has no field '{name}'")
    made._state = state
    return made


def read(model: type[M], attributes: Sequence[str], values: Sequence[Any]) -> M:
    """Return the instance of a row that holds `values`. What is not among `attributes` is read when asked for."""
    made, state = object.__new__(model), ModelState()
    made.__dict__.update(zip(attributes, values, strict=True))
    state.adding, state.db = False, DEFAULT_DB_ALIAS
    made._state = state
    return made


@cache
def defaults_of(
    model: type[models.Model],
) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
    """Return what each attribute holds at first, and what gives it where that differs each time."""
    fields = model._meta.concrete_fields
    called = [
        (item.attname, item.default)
        for item in fields
        if item.has_default() and callable(item.default)
    ]
    names = {attribute for attribute, _ in called}
    constants = {item.attname: item.get_default() for item in fields if item.attname not in names}
    return constants, called


@cache
def _related(model: type[models.Model]) -> dict[str, str]:
    return {item.name: item.attname for item in model._meta.concrete_fields if item.is_relation}
