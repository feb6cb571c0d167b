"""What `register` says of each declaration: whether it takes it, or the whole sentence why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils.translation import gettext_lazy
from syrupy.assertion import SnapshotAssertion

from tests.texts import definitions
from tests.unit.declarations import consumer, made, mutator, producer, workflow
from workflows_app import registry
from workflows_app.connectors.http import HttpLookupMutator
from workflows_app.errors import DefinitionError
from workflows_app.sdk import Consumer, Cron, Every, Mutator, Producer, Workflow, register
from workflows_app.secrets import Secret


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    with registry.override():
        yield


async def coroutine(*_: Any, **__: Any) -> None:
    """What nobody would await."""


async def async_generator(*_: Any, **__: Any) -> Any:
    yield


def generator(*_: Any, **__: Any) -> Any:
    yield


def too_few(self: object) -> None:
    """It takes nothing."""


def too_many(self: object, a: Any, b: Any, c: Any, d: Any, *, idempotency_key: str = "") -> None:
    """It wants more than there is."""


def wants_keyword(self: object, *given: Any, tenant: str, **more: Any) -> None:
    """It wants what the host does not know."""


def lookup(**attributes: Any) -> Any:
    return made("Send", HttpLookupMutator, name="send", url="https://bank.example", **attributes)


NAMES = {
    each.__name__: each
    for each in (
        *(consumer, producer, mutator, workflow, made, lookup, timedelta),
        *(Consumer, Producer, Mutator, Workflow, Every, Cron, Secret),
        *(coroutine, async_generator, generator, too_few, too_many, wants_keyword),
    )
}


def said_of(line: str) -> str:
    """Return a declaration, and what comes of it."""
    try:
        declared = eval(line, {"__name__": __name__, "gettext_lazy": gettext_lazy}, NAMES)
        if not isinstance(declared, Every | Cron | Secret):
            register(declared)
        said = "is taken"
    except DefinitionError as error:
        # Places in memory differ, and words from version to version of Python.
        said = re.sub(r" at 0x[0-9a-f]+", "", str(error))
        said = said.replace("required keyword-only argument", "required argument")
    return f"{line}\n  {said}\n"


def of_class(make: str, attributes: str) -> str:
    kind = {"lookup": "mutators"}.get(make, f"{make}s")
    return f"workflow({kind}=[{make}({attributes})])"


def test_what_is_said_of_each_declaration(kept: SnapshotAssertion) -> None:
    lines = definitions.LINES.strip().splitlines()
    assert "".join(map(said_of, lines)) == kept(name="declarations")


def test_what_is_said_of_methods_that_the_host_can_t_call(kept: SnapshotAssertion) -> None:
    lines = [
        of_class(make, f"{method}={way}")
        for make, methods in definitions.METHODS.items()
        for method in methods
        for way in definitions.WAYS
    ]
    assert "".join(map(said_of, lines)) == kept(name="methods")


def test_what_is_said_of_misspelt_names(kept: SnapshotAssertion) -> None:
    lag = "absence_is_proof_after=timedelta(0), "
    lines = [
        of_class(make, f"{lag if make == 'lookup' else ''}{name}=None")
        for make, names in definitions.MISSPELT.items()
        for name in names
    ]
    assert "".join(map(said_of, lines)) == kept(name="misspelt")
