"""What `register` refuses of authors' classes: methods that the host can't call, and misspelt names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from tests.unit.declarations import consumer, made, mutator, producer, workflow
from workflows_app import registry
from workflows_app.connectors.http import HttpLookupMutator
from workflows_app.errors import DefinitionError
from workflows_app.sdk import Consumer, Workflow, register

#: Each method of ours: who has it, and how the host calls it.
CALLS = {
    "poll": (producer, "poll(ctx, state)"),
    "lane": (consumer, "lane(event)"),
    "prepare": (consumer, "prepare(ctx, state)"),
    "mutate": (consumer, "mutate(prepared)"),
    "next": (consumer, "next(ctx, prepared, outcome)"),
    "record": (consumer, "record(prepared, outcome)"),
    "execute": (mutator, "execute(params, idempotency_key=...)"),
    "reconcile": (mutator, "reconcile(params, idempotency_key=...)"),
    "target": (mutator, "target(params)"),
    "verification_steps": (mutator, "verification_steps(params)"),
    "verification_url": (mutator, "verification_url(params)"),
    "check_result": (mutator, "check_result(params, result)"),
}


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


@pytest.mark.parametrize("method", CALLS)
def test_the_host_awaits_nothing(method: str) -> None:
    make, _ = CALLS[method]
    assert refusal(make(**{method: coroutine})) == (
        f"{method} must not be `async def`: the host does not await it."
    )


@pytest.mark.parametrize("way", ASYNC)
def test_the_host_awaits_nothing_however_it_is_written(way: str) -> None:
    assert refusal(consumer(prepare=ASYNC[way])) == (
        "prepare must not be `async def`: the host does not await it."
    )


@pytest.mark.parametrize("method", CALLS)
def test_the_host_takes_what_is_returned_not_what_is_yielded(method: str) -> None:
    make, _ = CALLS[method]
    assert refusal(make(**{method: generator})) == (
        f"{method} must not `yield`: the host takes what it returns."
    )


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    "value", ["main", ["in"], property(lambda self: None)], ids=["text", "list", "property"]
)
def test_a_method_is_a_function(method: str, value: object) -> None:
    make, _ = CALLS[method]
    assert refusal(make(**{method: value})) == (f"{method} must be a function, not {value!r:.100}.")


@pytest.mark.parametrize("method", sorted(set(CALLS) - {"reconcile", "record"}))
def test_none_is_no_function(method: str) -> None:
    make, _ = CALLS[method]
    assert refusal(make(**{method: None})) == f"{method} must be a function, not None."


def test_none_says_that_the_host_can_not_ask_and_that_nothing_is_recorded() -> None:
    mute, plain = mutator(reconcile=None), consumer(record=None)
    assert is_accepted(mute)
    assert is_accepted(plain)
    assert (mute.can_reconcile(), plain.has_record()) == (False, False)


@pytest.mark.parametrize("method", CALLS)
def test_a_method_takes_what_the_host_gives_it(method: str) -> None:
    make, call = CALLS[method]

    def too_few(self: object) -> None:
        """It takes nothing."""

    def too_many(
        self: object, a: Any, b: Any, c: Any, d: Any, *, idempotency_key: str = ""
    ) -> None:
        """It wants more than there is."""

    def wants_keyword(self: object, *given: Any, tenant: str, **more: Any) -> None:
        """It wants what the host does not know."""

    for wrong, why in (
        (too_few, "too many positional arguments"),
        (too_many, "missing a required"),
        (wants_keyword, "missing a required"),
    ):
        told = f"{method} can't be called as the host does, {call}: {why}"
        assert refusal(make(**{method: wrong})).startswith(told)


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


def test_a_function_that_does_not_tell_its_signature_is_taken_at_its_word() -> None:
    assert is_accepted(mutator(target=str))


def test_the_host_makes_an_instance_without_arguments() -> None:
    def init(self: object, client: Any) -> None:
        """It wants what the host does not have."""

    for make in (producer, consumer, mutator):
        cls = make(__init__=init)
        assert refusal(cls) == (
            f"{cls.__name__} can't be called as the host does, {cls.__name__}(): missing a required argument: 'client'."
        )


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_to_handle_rejections_is_a_yes_or_a_no(value: object) -> None:
    assert refusal(consumer(handles_rejection=value)) == (
        f"handles_rejection must be True or False, not {value!r}."
    )
    assert is_accepted(consumer(handles_rejection=True))


MISSPELT = [
    (consumer, "subscribe", "subscribes"),
    (consumer, "subscirbes", "subscribes"),
    (consumer, "publish", "publishes"),
    (consumer, "prepair", "prepare"),
    (consumer, "mutates", "mutate"),
    (consumer, "netx", "next"),
    (consumer, "lanes", "lane"),
    (consumer, "records", "record"),
    (consumer, "handle_rejection", "handles_rejection"),
    (consumer, "nmae", "name"),
    (producer, "schedul", "schedule"),
    (producer, "shedule", "schedule"),
    (producer, "polls", "poll"),
    (mutator, "absence_is_proof", "absence_is_proof_after"),
    (mutator, "absence_proof_after", "absence_is_proof_after"),
    (mutator, "reconsile", "reconcile"),
    (mutator, "reconcil", "reconcile"),
    (mutator, "excute", "execute"),
    (mutator, "targets", "target"),
    (mutator, "verification_step", "verification_steps"),
    (mutator, "verification_urls", "verification_url"),
    (mutator, "check_results", "check_result"),
    (mutator, "result_field", "result_fields"),
    (mutator, "key_last", "key_lasts"),
    (mutator, "secret_param", "secret_params"),
    (mutator, "polciy", "policy"),
]


def unknown(name: str, meant: str) -> str:
    return (
        f"the host knows no '{name}'. Did you mean '{meant}'? If not, choose a name that is less"
        " like it, or one that begins with an underscore."
    )


@pytest.mark.parametrize(("make", "name", "meant"), MISSPELT)
def test_a_name_that_was_probably_to_be_one_of_ours_is_refused(
    make: Callable[..., Any], name: str, meant: str
) -> None:
    assert refusal(make(**{name: None})) == unknown(name, meant)


def test_a_misspelt_name_is_told_before_what_is_missing_for_it() -> None:
    cls = made("Take", Consumer, subscribe=["in"], prepare=lambda *_: None)
    assert refusal(cls) == unknown("subscribe", "subscribes")


@pytest.mark.parametrize("name", ["titel", "producer", "consumer", "mutator", "versions"])
def test_a_misspelt_name_of_a_workflow_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        register(workflow(**{name: []}))

    assert str(refused.value).startswith(f"Flow: the host knows no '{name}'. Did you mean '")


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


def lookup(**attributes: Any) -> Any:
    return made("Send", HttpLookupMutator, name="send", url="https://bank.example", **attributes)


def test_a_mutator_that_searches_must_say_how_long_the_search_may_lag() -> None:
    told = "it must say absence_is_proof_after: how long the outside system's search may lag."
    assert refusal(lookup()) == told
    assert refusal(type("Send", (lookup(),), {})) == told


@pytest.mark.parametrize("lag", [timedelta(0), timedelta(seconds=30)])
def test_it_may_say_so_itself_or_in_a_base_of_the_author_s(lag: timedelta) -> None:
    said = lookup(absence_is_proof_after=lag)

    assert is_accepted(said)
    assert is_accepted(type("Send", (said,), {}))


def test_a_misspelt_name_of_a_connector_is_refused() -> None:
    for name, meant in (
        ("lookup_urls", "lookup_url"),
        ("read_timeout", "read_timeout_seconds"),
        ("answer_max", "answer_max_bytes"),
    ):
        cls = lookup(absence_is_proof_after=timedelta(0), **{name: "https://bank.example"})
        assert refusal(cls) == unknown(name, meant)
