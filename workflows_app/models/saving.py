"""The one place that writes rows with history (P4). When they are sent, `models.collecting` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import models

from workflows_app.models.collecting import Changes, Write, current, flush
from workflows_app.models.statements import Shape, given_fields, row_of, stored_fields


def storable(text: str) -> str:
    """Return `text` as PostgreSQL can keep it: it knows neither NUL nor half surrogate pairs."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "\\x00").encode(errors="backslashreplace").decode()


def save_with_history(
    instance: models.Model,
    *,
    reason: str,
    actor: User | None = None,
    fields: list[str] | None = None,
    was: Mapping[str, Any] | None = None,
    by_request: bool = False,
) -> None:
    """Insert or update `instance` and its history row with `reason` and `actor` (None: the host).

    Needs an open transaction. An insert keeps a key that the instance has. `fields` limits the update. `was`:
    the update is refused unless the row still has these values. `by_request`: the person, if any, is
    the one whose web request is being answered. After a rollback, read the instance anew.
    """
    model = type(instance)
    if instance._state.adding:
        assert not was, "a row that is inserted was nothing before"
        shape = _insert_of([instance], has_history=True)
    else:
        changed = stored_fields(model) if fields is None else tuple(fields)
        shape = Shape(model, changed, is_insert=False, has_history=True, was=tuple(was or ()))
    person = _person(instance, actor, by_request)
    _write(shape, [instance], reason=storable(reason), person=person, was=was)


def insert_unless_there(
    instances: Sequence[models.Model],
    *,
    identity: tuple[str, ...],
    reason: str,
    actor: User | None = None,
    by_request: bool = False,
) -> None:
    """Insert `instances` of one model with their history now, but those whose identity is taken: of
    them nothing is written, and they are still to be added. Needs an open transaction.

    `identity`: the fields of a unique constraint. A row that is there is not waited for, whoever is
    changing it; one that another transaction is inserting is. They get their keys in the order given,
    and are inserted in the order of their identities, so that two who insert the same never deadlock.
    """
    if not instances:
        return
    shape = _insert_of(instances, has_history=True, unless_there=True, identity=identity)
    person = _person(instances[0], actor, by_request)
    _write(shape, instances, reason=storable(reason), person=person)
    flush()


def insert(instance: models.Model) -> None:
    """Insert a row of a table without history. Needs an open transaction."""
    _write(_insert_of([instance]), [instance])


def insert_all(instances: Sequence[models.Model], *, unless_there: bool = False) -> None:
    """Insert rows of one table without history. Needs an open transaction.

    `unless_there`: rows of the same identities may be there; then those in `instances` have no key.
    """
    if instances:
        _write(_insert_of(instances, unless_there=unless_there), instances)


def update(instance: models.Model, fields: list[str]) -> None:
    """Update `fields` of a row of a table without history. Needs an open transaction."""
    _write(Shape(type(instance), tuple(fields), is_insert=False), [instance])


def _insert_of(
    instances: Sequence[models.Model], *, identity: tuple[str, ...] = (), **how: Any
) -> Shape:
    fields = (*given_fields(instances), *identity)
    return Shape(type(instances[0]), fields, is_insert=True, identity=identity, **how)


def _write(shape: Shape, instances: Sequence[models.Model], **more: Any) -> None:
    block = current()
    changes = block or Changes()
    for instance in instances:
        if not shape.is_insert and instance.pk is None:
            # It is an insert that waits: its key is drawn by the database.
            changes.flush()
        changes.add(Write(shape, row_of(shape, instance, **more), instance))
        if block and shape.is_insert and not shape.unless_there:
            instance._state.adding = False
    if not block:
        changes.flush()


def _person(instance: models.Model, actor: Any, by_request: bool) -> Any:
    """Return the key of the account that history names, if any."""
    if by_request:
        records: Any = type(instance).history_records  # type: ignore[attr-defined]
        actor = records.get_history_user(instance)
    return actor.pk if actor else None
