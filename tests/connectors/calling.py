"""Mutators for these tests, and what came of a call of theirs."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest

from workflows_app.connectors.http import HttpLookupMutator, HttpMutator
from workflows_app.connectors.http.mutator import UnclearAnswer
from workflows_app.sdk import NotApplied, Reconciliation

KEY = "0123456789abcdef"

M = TypeVar("M", bound=HttpMutator)


def mutator(base: type[M], **attributes: Any) -> type[M]:
    """Return a subclass of `base` with these attributes, quick to lose patience."""
    return type("Pay", (base,), {"name": "bank.pay", "read_timeout_seconds": 5.0, **attributes})


def called(url: str, params: Any = None, **attributes: Any) -> Any:
    """Make one call and return its result."""
    pay = mutator(HttpMutator, url=url, **attributes)
    return pay().execute({"amount": 5} if params is None else params, idempotency_key=KEY)


def sure_no(url: str, params: Any = None, **attributes: Any) -> NotApplied:
    """Make one call, expect that it certainly did not happen, and return why."""
    with pytest.raises(NotApplied) as caught:
        called(url, params, **attributes)
    return caught.value


def unclear(url: str, params: Any = None, **attributes: Any) -> str:
    """Make one call, expect that nobody knows whether it happened, and return what is known."""
    with pytest.raises(UnclearAnswer) as caught:
        called(url, params, **attributes)
    return str(caught.value)


def looked_up(url: str, params: Any = None, **attributes: Any) -> Reconciliation:
    """Look one call up and return what was found out."""
    pay = mutator(HttpLookupMutator, lookup_url=url, **attributes)
    return pay().reconcile(params or {"invoice": "42"}, idempotency_key=KEY)
