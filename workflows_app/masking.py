"""Values that only people with `view_sensitive` see: the one home of that rule.

Authors name what is secret: `secret_params` of a mutator, `secret_fields` of a workflow. A name that one of them
declares is secret in the whole console: a value of a payload that becomes a parameter is the same value. A
workflow that is no longer in the code keeps its names, as `sync_workflows` stored them.

A name stands for the key at any depth; `bank.iban` stands for `iban` right below `bank`. In JSON the value is
masked, and all that is below it. In texts (titles, targets, errors, answers, and all other texts of the JSON) the
secret values that the row itself holds are struck out. What was cut into pieces or written otherwise there is not found.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model

from workflows_app import registry
from workflows_app.models import (
    Event,
    Evidence,
    LaneState,
    Mutation,
    OperatorAction,
    Run,
    Workflow,
)

MASK = "••••"
SENSITIVE = "workflows_app.view_sensitive"
#: Shorter values stand in too many texts by chance.
STRUCK_FROM = 4

Names = frozenset[str]


def secret_names() -> Names:
    """Return the names that are secret: of the code here, and of what was synced. One query."""
    names = {
        name for row in Workflow.objects.values_list("secret_names", flat=True) for name in row
    }
    return frozenset(names.union(*(code.secret_names() for code in registry.all_workflows())))


def names_for(person: Any) -> Names:
    """Return the names whose values `person` sees masked; without a person, all. One query at most."""
    return frozenset() if person is not None and person.has_perm(SENSITIVE) else secret_names()


def struck_of(row: Any, text: str) -> str:
    """Return `text`, which tells about `row`, without the secrets of the masked row."""
    return struck(text, row.secrets) if getattr(row, "is_masked", False) else text


def masked(value: Any, names: Names, secrets: Iterable[str] = ()) -> Any:
    """Return a JSON value with its secrets masked: by their names, and wherever else they or `secrets` stand in it."""
    return _masked(value, names, frozenset(secrets_in(value, names)).union(secrets), ())


def _masked(value: Any, names: Names, secrets: frozenset[str], below: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {
            struck(key, secrets): MASK
            if _is_secret((*below, key), names) and item is not None
            else _masked(item, names, secrets, (*below, key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item, names, secrets, below) for item in value]
    if isinstance(value, str):
        return struck(value, secrets)
    return MASK if str(value) in secrets else value


def secrets_in(value: Any, names: Names, *, below: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the secret texts and numbers of a JSON value, those long enough to be struck out of texts."""
    if isinstance(value, dict):
        for key, item in value.items():
            path = (*below, key)
            yield from (
                _plain(item) if _is_secret(path, names) else secrets_in(item, names, below=path)
            )
    elif isinstance(value, list):
        for item in value:
            yield from secrets_in(item, names, below=below)


def struck(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without the secret values."""
    # By far most stand in no text: to look for each by a pattern would take minutes where a payload holds thousands.
    folded = text.casefold()
    found = {one for one in secrets if len(one) <= len(text) and one.casefold() in folded}
    for secret in sorted(found, key=len, reverse=True):
        text = re.sub(re.escape(secret), MASK, text, flags=re.IGNORECASE)
    return text


def shown(row: Any, names: Names) -> Any:
    """Return a copy of `row` in which nothing secret is left: to be shown, never saved.

    A field that was left out when the row was read is masked whole: a page that asks for it would read it as it is.
    Rows of models without anything secret are returned as they are. A run and its outside effects hold each
    other's secrets; what of them does not hang on the row yet is read, so lists select it with their rows.
    """
    if not names or getattr(row, "is_masked", False) or not isinstance(row, Model):
        return row
    kind = getattr(type(row), "instance_type", type(row))
    mask = _BY_MODEL.get(kind)
    return mask(row, names) if mask is not None else row


def _is_secret(path: tuple[str, ...], names: Names) -> bool:
    return path[-1] in names or (len(path) > 1 and ".".join(path[-2:]) in names)


def _plain(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _plain(item)
    elif isinstance(value, list):
        for item in value:
            yield from _plain(item)
    elif value is not None and not isinstance(value, bool) and len(str(value)) >= STRUCK_FROM:
        yield str(value)


def _copy(row: Any, secrets: frozenset[str], **values: Any) -> Any:
    """Return a copy of `row` with other values, past the protection of its states."""
    copied = copy.copy(row)
    copied.is_masked, copied.secrets = True, secrets
    for name, value in values.items():
        copied.__dict__[name] = value
    return copied


def _secrets_of(row: Any, names: Names, *fields: str) -> frozenset[str]:
    found = getattr(row, "secrets", None)
    if found is None:
        values = (getattr(row, field) for field in fields if field not in row.get_deferred_fields())
        found = frozenset(secret for value in values for secret in secrets_in(value, names))
    return frozenset(found)


def _texts(row: Any, secrets: Iterable[str], *fields: str) -> dict[str, str]:
    deferred = row.get_deferred_fields()
    return {
        name: MASK if name in deferred else struck(getattr(row, name) or "", secrets)
        for name in fields
    }


def _jsons(row: Any, names: Names, secrets: Iterable[str], *fields: str) -> dict[str, Any]:
    deferred = row.get_deferred_fields()
    return {
        name: MASK if name in deferred else masked(getattr(row, name), names, secrets)
        for name in fields
    }


def _event(row: Any, names: Names) -> Any:
    secrets = _secrets_of(row, names, "payload")
    copied = _copy(
        row,
        secrets,
        **_jsons(row, names, secrets, "payload"),
        **_texts(row, secrets, "message_id", *(["lane"] if row.lane else [])),
    )
    for name in ("reserved_by", "created_by"):
        run = row._state.fields_cache.get(name)
        if run is not None:
            copied._state.fields_cache[name] = shown(run, names)
    return copied


def _mutation(row: Any, names: Names) -> Any:
    secrets = _secrets_of(row, names, "params", "result")
    run = row.run
    secrets |= _secrets_of(run, names, "prepare_result")
    copied = _copy(
        row,
        secrets,
        **_jsons(row, names, secrets, "params", "result"),
        **_texts(row, secrets, "target"),
    )
    copied._state.fields_cache["run"] = _run_with(run, names, secrets)
    return copied


def _run(row: Any, names: Names) -> Any:
    secrets = _secrets_of(row, names, "prepare_result")
    effects = {"mutation": _own_effect(row), "carried_mutation": row.carried_mutation}
    for effect in filter(None, effects.values()):
        secrets |= _secrets_of(effect, names, "params", "result")
    copied = _run_with(row, names, secrets)
    for name, effect in effects.items():
        if effect is not None:
            copied._state.fields_cache[name] = _copy(
                effect,
                secrets,
                **_jsons(effect, names, secrets, "params", "result"),
                **_texts(effect, secrets, "target"),
            )
            copied._state.fields_cache[name]._state.fields_cache["run"] = copied
    return copied


def _own_effect(run: Any) -> Mutation | None:
    """Return the outside effect of a run, also of an old version of one."""
    if isinstance(run, Run):
        return run.own_mutation
    return Mutation.objects.filter(run=run.id).first()


def _run_with(row: Any, names: Names, secrets: frozenset[str]) -> Any:
    texts = ("title", "lane", "failure_message", "failure_traceback")
    return _copy(
        row,
        secrets,
        **_jsons(row, names, secrets, "prepare_result"),
        **_texts(row, secrets, *texts),
    )


def _evidence(row: Any, names: Names) -> Any:
    effect = shown(row.mutation, names)
    copied = _copy(row, effect.secrets, **_texts(row, effect.secrets, "detail", "traceback"))
    copied._state.fields_cache["mutation"] = effect
    return copied


def _with_state(row: Any, names: Names) -> Any:
    return _copy(row, frozenset(), **_jsons(row, names, (), "state"))


def _decision(row: Any, names: Names) -> Any:
    rows = {"event": row.event, "run": row.run}
    about = {name: shown(each, names) for name, each in rows.items() if each is not None}
    secrets: frozenset[str] = frozenset().union(*(each.secrets for each in about.values()))
    copied = _copy(row, secrets, **_texts(row, secrets, "reason"))
    copied._state.fields_cache.update(about)
    return copied


_BY_MODEL: dict[Any, Any] = {
    Event: _event,
    Mutation: _mutation,
    Run: _run,
    Evidence: _evidence,
    LaneState: _with_state,
    OperatorAction: _decision,
}
