"""Names that look like those of secrets: who declares none is told, by a system check and by `doctor`.

Parameters are made when a workflow runs, so no check knows them all. What the code itself names is known: the
texts in `mutate` and in the methods of mutators, the fields of results, the places in addresses. What was stored
is known to the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.workflow import Workflow

#: Parts of a name that make it look secret, as PostgreSQL and Python both read them.
WORDS = "iban|password|passwd|secret|token|card|cvc|cvv|apikey|api_key|private_key|credential"
_PARTS = re.compile(rf"(?:^|_)(?:{WORDS})s?(?:_|$)", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,59}")
_PLACE = re.compile(r"{(\w+)}")
_METHODS = ("execute", "reconcile", "target", "body", "verification_steps", "verification_url")
_ADDRESSES = ("url", "lookup_url")


def looks_secret(name: str) -> bool:
    """Tell whether a name looks like that of a secret: `supplier_iban`, `cardNumber`; not `discard`."""
    plain = _HUMP.sub("_", name).replace("-", "_").replace(".", "_")
    return bool(_PARTS.search(plain))


def undeclared(workflow: type[Workflow]) -> list[str]:
    """Return the names in the code of `workflow` that look secret and are declared nowhere in it, sorted."""
    declared = {name.rpartition(".")[2] for name in workflow.secret_names()}
    return sorted({name for name in _names(workflow) if looks_secret(name)} - declared)


def _names(workflow: type[Workflow]) -> Iterator[str]:
    for consumer in workflow.consumers:
        yield from _named_in(consumer, ["mutate"])
    for mutator in workflow.mutators:
        yield from _named_in(mutator, _METHODS)
        yield from mutator.result_fields
        for attribute in _ADDRESSES:
            yield from _PLACE.findall(str(getattr(mutator, attribute, "")))


def _named_in(cls: type, methods: Iterable[str]) -> Iterator[str]:
    ours = Mutator.__module__.partition(".")[0]
    for name in methods:
        code = getattr(getattr(cls, name, None), "__code__", None)
        module = getattr(getattr(cls, name, None), "__module__", "")
        if isinstance(code, CodeType) and module.partition(".")[0] != ours:
            yield from _constants(code)


def _constants(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _constants(constant)
        else:
            yield from _texts(constant)


def _texts(constant: Any) -> Iterator[str]:
    if isinstance(constant, str) and _NAME.fullmatch(constant):
        yield constant
    elif isinstance(constant, tuple | frozenset):
        for each in constant:
            yield from _texts(each)
