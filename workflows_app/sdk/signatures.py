"""Whether the host can call what authors write: found out at import, not in the middle of a run.

An `async def` would return a coroutine that nobody awaits, and a wrong signature would end a run after
its outside call.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import dataclass
from functools import partialmethod, singledispatchmethod
from types import FunctionType
from typing import Any

from workflows_app.errors import DefinitionError

#: What Python binds to an instance when it is called.
_BINDING = (FunctionType, classmethod, staticmethod, partialmethod, singledispatchmethod)


@dataclass(frozen=True)
class HostCall:
    """How the host calls a method. `may_be_none`: None says that the class does not have it."""

    name: str
    positional: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    may_be_none: bool = False

    def __str__(self) -> str:
        keywords = [f"{keyword}=..." for keyword in self.keywords]
        return f"{self.name}({', '.join([*self.positional, *keywords])})"


PRODUCER_CALLS = (HostCall("poll", ("ctx", "state")),)
CONSUMER_CALLS = (
    HostCall("lane", ("event",)),
    HostCall("prepare", ("ctx", "state")),
    HostCall("mutate", ("prepared",)),
    HostCall("next", ("ctx", "prepared", "outcome")),
    HostCall("record", ("prepared", "outcome"), may_be_none=True),
)
MUTATOR_CALLS = (
    HostCall("execute", ("params",), ("idempotency_key",)),
    HostCall("reconcile", ("params",), ("idempotency_key",), may_be_none=True),
    HostCall("target", ("params",)),
    HostCall("verification_steps", ("params",)),
    HostCall("verification_url", ("params",)),
    HostCall("check_result", ("params", "result")),
    HostCall("needs_second_person", ("params",)),
)


def require_callable(who: str, cls: type, calls: tuple[HostCall, ...]) -> None:
    """Check that the host can make an instance of `cls`, and call each of its methods in `calls`.

    Raises DefinitionError. What `cls` does not have is left out.
    """
    _require_signature(who, HostCall(cls.__name__, ()), cls)
    for call in calls:
        if hasattr(cls, call.name):
            _require_method(who, cls, call)


def require_returned(who: str, mutate: Any) -> None:
    """Check that `mutate` returns the call that it makes, at least at times. Raises DefinitionError.

    None would say that there is nothing to call: events would be consumed, and nothing done for them.
    """
    try:
        # Of a decorated one, what the decorator made.
        written = ast.parse(textwrap.dedent(inspect.getsource(mutate.__code__))).body[0]
    except (AttributeError, OSError, TypeError, SyntaxError, IndexError):
        return  # Where it can't be read, nothing is said.
    # One that always raises, as a stand-in that is to send nothing, returns nothing either.
    if not isinstance(written, ast.FunctionDef) or isinstance(written.body[-1], ast.Raise):
        return
    parts = list(ast.walk(written))
    returned = [part.value for part in parts if isinstance(part, ast.Return)]
    is_nothing = all(value is None or ast.unparse(value) == "None" for value in returned)
    if is_nothing and any(_is_mutation_call(part) for part in parts):
        raise DefinitionError(
            f"{who}: mutate makes a MutationCall, and never returns it: write `return MutationCall(...)`."
        )


def _is_mutation_call(part: ast.AST) -> bool:
    return isinstance(part, ast.Call) and ast.unparse(part.func).split(".")[-1] == "MutationCall"


def _require_method(who: str, cls: type, call: HostCall) -> None:
    written = inspect.getattr_static(cls, call.name)
    if written is None and call.may_be_none:
        return
    is_binding = isinstance(written, _BINDING)
    # Any instance will do: what is bound is only looked at, never called.
    method = written.__get__(object(), cls) if is_binding else written
    if not callable(method):
        raise DefinitionError(f"{who}: {call.name} must be a function, not {written!r:.100}.")
    for code in (method, type(method).__call__):
        if inspect.iscoroutinefunction(code) or inspect.isasyncgenfunction(code):
            raise DefinitionError(
                f"{who}: {call.name} must not be `async def`: the host does not await it."
            )
        if inspect.isgeneratorfunction(code):
            raise DefinitionError(
                f"{who}: {call.name} must not `yield`: the host takes what it returns."
            )
    if is_binding or not hasattr(type(written), "__get__"):
        _require_signature(who, call, method)


def _require_signature(who: str, call: HostCall, method: Any) -> None:
    try:
        # Of a decorated method, what the host calls is the decorator's.
        signature = inspect.signature(method, follow_wrapped=False)
    except ValueError:
        return  # Written in C, and does not tell.
    try:
        signature.bind(*call.positional, **dict.fromkeys(call.keywords))
    except TypeError as error:
        raise DefinitionError(
            f"{who}: {call.name} can't be called as the host does, {call}: {error}."
        ) from None
