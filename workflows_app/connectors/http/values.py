"""What authors set on their mutators: found wrong at import or by a check, and not once the request has left."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from workflows_app.conf import LARGEST_NUMBER
from workflows_app.errors import DefinitionError
from workflows_app.secrets import Secret

_LIMITS = ("connect_timeout_seconds", "read_timeout_seconds", "answer_max_bytes")
_STATUSES = (
    "not_applied_statuses",
    "retryable_statuses",
    "caller_fault_statuses",
    "absent_statuses",
)


def require_values(mutator: object) -> None:
    """Check the limits and the statuses of a mutator: at import of its class, before a call of the instance.

    Raises DefinitionError, and whatever a property of the author's raises.
    """
    cls = mutator if isinstance(mutator, type) else type(mutator)
    for names, fits, wanted in (
        (_LIMITS, _is_limit, f"a number above 0, of {LARGEST_NUMBER:,} at most"),
        (_STATUSES, _are_statuses, "a set of numbers, as {404}"),
    ):
        for name in names:
            if not hasattr(cls, name):
                continue
            value = getattr(mutator, name)
            if not (mutator is cls and _is_computed(value)) and not fits(value):
                raise DefinitionError(
                    f"{cls.__qualname__}: {name} must be {wanted}, not {value!r:.100}."
                )


def require_headers(cls: type) -> None:
    """Check what an author's headers are made of. Raises DefinitionError."""
    headers, key_header = getattr(cls, "headers"), getattr(cls, "idempotency_header")  # noqa: B009
    are_some = isinstance(headers, Mapping) and all(
        isinstance(name, str) and isinstance(value, str | Secret) for name, value in headers.items()
    )
    # A property is asked at the call.
    if not are_some and not hasattr(headers, "__get__"):
        raise DefinitionError(
            f"{cls.__qualname__}: headers must be a dict of texts and Secrets, as"
            " {'Authorization': Secret('BANK_TOKEN', 'Bearer {}')}."
        )
    if not isinstance(key_header, str | None) and not hasattr(key_header, "__get__"):
        raise DefinitionError(
            f"{cls.__qualname__}: idempotency_header must be the name of a header, or '', not"
            f" {key_header!r:.100}."
        )


def wrong_address(name: str, address: object) -> Iterator[str]:
    """Tell of an attribute that can't become an address, whatever the params are."""
    if not (isinstance(address, str) and address.startswith(("http://", "https://"))):
        yield f"{name} is {address!r}: it must begin with http:// or https://"


def statuses_without_effect(cls: type, base: type) -> Iterator[str]:
    """Tell of statuses that an author names, and that mean something else. What `base` says is for others."""
    refused, *named = (getattr(cls, name) for name in _STATUSES[:3])
    if _is_computed(refused):
        return
    for status in sorted(each for each in refused if 200 <= each < 300):
        yield f"not_applied_statuses has {status}, and 2xx always means that it happened"
    for name, statuses in zip(_STATUSES[1:3], named, strict=True):
        if _is_computed(statuses) or statuses is getattr(base, name):
            continue
        for status in sorted({*statuses} - {*refused}):
            yield (
                f"{name} has {status}, and not_applied_statuses has not: so it is an unknown outcome,"
                " and nothing is tried again"
            )


def _is_computed(value: object) -> bool:
    """Tell whether it is a property: what it returns is known at the call."""
    return hasattr(value, "__get__") and not callable(value)


def _is_limit(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 < value <= LARGEST_NUMBER
    )


def _are_statuses(value: Any) -> bool:
    return isinstance(value, Collection) and all(isinstance(each, int) for each in value)
