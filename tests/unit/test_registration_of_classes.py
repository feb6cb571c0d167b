"""What `register` refuses of authors' classes: methods that the host can't call, and misspelt names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from tests.unit.declarations import consumer, made, mutator, producer, workflow
from workflows_app import registry
from workflows_app.errors import DefinitionError
from workflows_app.sdk import Consumer, MutationCall, Mutator, Workflow, register


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    with registry.override():
        yield


def with_class(cls: Any) -> type[Workflow]:
    """Return a workflow that lists `cls`, in place of a right one."""
    kind = {"Read": "producers", "Take": "consumers", "Send": "mutators"}[cls.__name__]
    return workflow(**{kind: [cls]})


def refusal(cls: Any) -> str:
    """Return why a workflow with `cls` is refused, without where."""
    with pytest.raises(DefinitionError) as refused:
        register(with_class(cls))
    assert registry.get("flow") is None
    return str(refused.value).removeprefix(f"Flow: {cls.__name__}: ")


def is_accepted(cls: Any) -> bool:
    return register(with_class(cls)).slug == "flow"


async def coroutine(*_: Any, **__: Any) -> None:
    """What nobody would await."""


async def async_generator(*_: Any, **__: Any) -> Any:
    yield


def generator(*_: Any, **__: Any) -> Any:
    yield


class AsyncCallable:
    async def __call__(self, *_: Any, **__: Any) -> None:
        """What nobody would await."""


ASYNC = {
    "async def": coroutine,
    "async generator": async_generator,
    "class method": classmethod(coroutine),
    "static method": staticmethod(coroutine),
    "partial": functools.partial(coroutine),
    "partial method": functools.partialmethod(coroutine),
    "callable": AsyncCallable(),
}


@pytest.mark.parametrize("way", ASYNC)
def test_the_host_awaits_nothing_however_it_is_written(way: str) -> None:
    assert refusal(consumer(prepare=ASYNC[way])) == (
        "prepare must not be `async def`: the host does not await it."
    )


def test_none_says_that_the_host_can_not_ask_and_that_nothing_is_recorded() -> None:
    mute, plain = mutator(reconcile=None), consumer(record=None)
    assert is_accepted(mute)
    assert is_accepted(plain)
    assert (mute.can_reconcile(), plain.has_record()) == (False, False)


def right_ways() -> dict[str, Callable[[], Any]]:
    def plain(self: object, prepared: Any) -> None:
        """As the documentation has it."""

    def wrapper(*given: Any, **more: Any) -> None:
        """As decorators write it; what they wrap may take more than the host gives."""

    def wrapped(self: object, prepared: Any, client: Any) -> None:
        """It gets the client from its decorator."""

    def by_class(cls: type, prepared: Any) -> None:
        """Of the class."""

    def alone(prepared: Any) -> None:
        """Without self."""

    return {
        "plain": lambda: plain,
        "more with defaults": lambda: lambda self, prepared, more=1, *, even_more=2: None,
        "other names": lambda: lambda me, it: None,
        "decorated": lambda: functools.wraps(wrapped)(wrapper),
        "class method": lambda: classmethod(by_class),
        "static method": lambda: staticmethod(alone),
        "partial": lambda: functools.partial(alone),
        "partial method": lambda: functools.partialmethod(wrapped, client=None),
        "made synchronous": lambda: async_to_sync(coroutine),
    }


@pytest.mark.parametrize("way", right_ways())
def test_any_way_to_write_it_that_the_host_can_call_is_right(way: str) -> None:
    assert is_accepted(consumer(mutate=right_ways()[way]()))


def forgets(self: object, prepared: Any) -> None:
    with suppress(ValueError):
        MutationCall(Mutator, prepared.data)


def returns_it_at_times(self: object, prepared: Any) -> MutationCall | None:
    call = MutationCall(Mutator, prepared.data)
    return call if prepared.data else None


def refuses(self: object, prepared: Any) -> None:
    raise LookupError(MutationCall(Mutator, prepared.data))


def test_a_call_that_mutate_never_returns_would_never_be_made() -> None:
    assert refusal(consumer(mutate=forgets)) == (
        "mutate makes a MutationCall, and never returns it: write `return MutationCall(...)`."
    )
    assert is_accepted(consumer(mutate=returns_it_at_times))


def test_a_stand_in_sends_nothing_on_purpose() -> None:
    assert is_accepted(consumer(mutate=refuses))


def unknown(name: str, meant: str) -> str:
    return (
        f"the host knows no '{name}'. Did you mean '{meant}'? If not, choose a name that is less"
        " like it, or one that begins with an underscore."
    )


def test_a_misspelt_name_is_told_before_what_is_missing_for_it() -> None:
    cls = made("Take", Consumer, subscribe=["in"], prepare=lambda *_: None)
    assert refusal(cls) == unknown("subscribe", "subscribes")


def test_an_author_s_own_base_is_read_too_and_a_stranger_is_not() -> None:
    base = consumer(subscribe=["in"])
    assert refusal(type("Take", (base,), {})) == unknown("subscribe", "subscribes")

    stranger = type("Stranger", (), {"publish": None})
    assert is_accepted(type("Take", (stranger, consumer()), {}))


#: Some are near to questions that the host itself asks: no author means to answer those.
HONEST = {
    consumer: ["prepare_lines", "lines", "next_number", "record_payment", "text", "handler_names"],
    producer: ["polled_until", "department", "limit", "fetch", "pool", "scheduled_for"],
    mutator: ["target_account", "execute_once", "result", "key", "say", "params", "url", "client"],
}


@pytest.mark.parametrize(
    ("make", "name"), [(make, name) for make, names in HONEST.items() for name in names]
)
def test_helpers_may_be_named_freely(make: Callable[..., Any], name: str) -> None:
    assert is_accepted(make(**{name: None}))


@pytest.mark.parametrize("name", ["_subscribe", "_publish", "__subscribe__", "_prepared"])
def test_what_begins_with_an_underscore_is_the_author_s(name: str) -> None:
    assert is_accepted(consumer(**{name: None}))
