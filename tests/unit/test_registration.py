"""What `register` refuses at import: every fault of a declaration, in a sentence that says where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from tests.unit.declarations import consumer, made, mutator, producer, workflow
from workflows_app import registry
from workflows_app.errors import DefinitionError
from workflows_app.sdk import Consumer, Every, Mutator, Producer, Workflow, register


@pytest.fixture(autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    with registry.override():
        yield


def refusal(wrong: Any) -> str:
    with pytest.raises(DefinitionError) as refused:
        register(wrong)
    assert registry.get("flow") is None
    return str(refused.value)


def test_a_right_declaration_is_returned_and_known() -> None:
    flow = workflow(title="a" * 200)

    assert register(flow) is flow
    assert registry.get("flow") is flow


@pytest.mark.parametrize("wrong", [object(), object, "flow", Workflow()])
def test_only_subclasses_of_workflow_can_be_registered(wrong: object) -> None:
    assert refusal(wrong) == f"{wrong!r} is not a subclass of Workflow."


@pytest.mark.parametrize(
    "slug",
    ["", "Flow", "a b", "-a", "a-", "a--b", "a.b", "ä", "a\n", "a" * 101, None, 5],
)
def test_a_slug_is_lower_case_words_with_hyphens(slug: Any) -> None:
    assert refusal(workflow(slug=slug)) == (
        f"Flow: slug must be as 'invoice-payments', not {slug!r}."
    )


@pytest.mark.parametrize("slug", ["a", "a" * 100, "invoice-payments", "a_b-2"])
def test_a_slug_may_be_of_words_and_numbers(slug: str) -> None:
    assert register(workflow(slug=slug)).slug == slug


@pytest.mark.parametrize(
    "version",
    ["", "1", "1.", "1.0.0", "01.0", "1.00", "v1.0", "-1.0", "1.0 ", "1" * 10 + ".0", 1.0],
)
def test_a_version_is_major_and_minor(version: Any) -> None:
    assert refusal(workflow(version=version)) == f"Flow: version must be as '1.0', not {version!r}."


@pytest.mark.parametrize("title", ["", "a" * 201, None, 5])
def test_a_title_is_a_short_text(title: Any) -> None:
    assert refusal(workflow(title=title)) == "Flow: title must be a text of 1 to 200 characters."


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "\0", 5, None])
def test_a_time_zone_is_one_that_is_known(name: Any) -> None:
    told = f"Flow: time_zone must be a name as 'Europe/Berlin', not {name!r}."
    assert refusal(workflow(time_zone=name)) == told


class NotAHandler:
    pass


BY_HAND = producer()()

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "producers are no list": (
        {"producers": producer()},
        "producers must be a list.",
    ),
    "consumers are a text": ({"consumers": "Take"}, "consumers must be a list."),
    "mutators are none": ({"mutators": None}, "mutators must be a list."),
    "a producer is something else": (
        {"producers": [NotAHandler]},
        f"producers lists {NotAHandler!r}, which is not a subclass of Producer.",
    ),
    "a producer is an instance": (
        {"producers": [BY_HAND]},
        f"producers lists {BY_HAND!r}, which is not a subclass of Producer.",
    ),
    "a consumer is a mutator": (
        {"consumers": [NotAHandler]},
        f"consumers lists {NotAHandler!r}, which is not a subclass of Consumer.",
    ),
    "a mutator is its name": (
        {"mutators": ["send"]},
        "mutators lists 'send', which is not a subclass of Mutator.",
    ),
    "no handlers": (
        {"producers": [], "consumers": ()},
        "it has neither producers nor consumers.",
    ),
    "one name, two handlers": (
        {"producers": [producer(name="x")], "consumers": [consumer(name="x")]},
        "handlers: 'x' is there twice.",
    ),
    "one name, two mutators": (
        {"mutators": [mutator(), mutator()]},
        "mutators: 'send' is there twice.",
    ),
    "one topic, two consumers": (
        {"consumers": [consumer(), consumer(name="Other")]},
        "subscriptions (a topic has one consumer): 'in' is there twice.",
    ),
    "one topic, twice in one consumer": (
        {"consumers": [consumer(subscribes=["in", "in"])]},
        "subscriptions (a topic has one consumer): 'in' is there twice.",
    ),
    "a handler's name has spaces": (
        {"consumers": [consumer(name="Take it")]},
        "Take: name must be as 'PayInvoice', not 'Take it'.",
    ),
    "a handler's name is no text": (
        {"producers": [producer(name=["Read"])]},
        "Read: name must be as 'PayInvoice', not ['Read'].",
    ),
    "a handler's name is too long": (
        {"producers": [producer(name="a" * 101)]},
        f"Read: name must be as 'PayInvoice', not '{'a' * 101}'.",
    ),
    "a consumer without topics": (
        {"consumers": [consumer(subscribes=[])]},
        "Take: subscribes names no topic.",
    ),
    "a consumer's topic is a text, not a list": (
        {"consumers": [consumer(subscribes="in")]},
        "Take: subscribes must be a list of topics.",
    ),
    "published topics are a text, not a list": (
        {"producers": [producer(publishes="in")]},
        "Read: publishes must be a list of topics.",
    ),
    "a subscribed topic is no name": (
        {"consumers": [consumer(subscribes=["in", "a b"])]},
        "Take: a topic of subscribes must be as 'invoice.paid', not 'a b'.",
    ),
    "a published topic is no name": (
        {"consumers": [consumer(publishes=[None])]},
        "Take: a topic of publishes must be as 'invoice.paid', not None.",
    ),
    "a consumer that prepares nothing": (
        {"consumers": [made("Lazy", Consumer, subscribes=["in"])]},
        "Lazy: it must implement prepare().",
    ),
    "a producer that polls nothing": (
        {"producers": [made("Lazy", Producer, schedule=Every(hours=1))]},
        "Lazy: it must implement poll().",
    ),
    "a producer without a schedule": (
        {"producers": [producer(schedule=None)]},
        "Read: schedule must be Every(...) or Cron(...).",
    ),
    "a schedule that was not called": (
        {"producers": [producer(schedule=Every)]},
        "Read: schedule must be Every(...) or Cron(...).",
    ),
    "a schedule that is an interval": (
        {"producers": [producer(schedule=timedelta(minutes=5))]},
        "Read: schedule must be Every(...) or Cron(...).",
    ),
    "a mutator without a name": (
        {"mutators": [mutator(name=""), mutator(name="")]},
        "Send: name must be as 'bank.create_payment', not ''.",
    ),
    "a mutator that executes nothing": (
        {"mutators": [mutator(), made("Idle", Mutator, name="idle")]},
        "Idle: it must implement execute().",
    ),
    "a negative lag": (
        {"mutators": [mutator(absence_is_proof_after=timedelta(seconds=-1))]},
        "Send: absence_is_proof_after must be a timedelta, not negative.",
    ),
    "a key that lasts no time": (
        {"mutators": [mutator(key_lasts=timedelta(0))]},
        "Send: key_lasts must be a timedelta above 0, or None: no key helps.",
    ),
    "a key that lasts a number": (
        {"mutators": [mutator(key_lasts=86_400)]},
        "Send: key_lasts must be a timedelta above 0, or None: no key helps.",
    ),
    "a lag in seconds": (
        {"mutators": [mutator(absence_is_proof_after=30)]},
        "Send: absence_is_proof_after must be a timedelta, not negative.",
    ),
    "secrets as one text": (
        {"mutators": [mutator(secret_params="iban")]},
        "Send: secret_params must be a list of names, as ['iban'].",
    ),
    "a secret far below": (
        {"secret_fields": ["payer.bank.iban"]},
        "secret_fields lists 'payer.bank.iban': it must be a name, as 'iban', or two, as 'bank.iban'.",
    ),
    "fields of a result that say nothing for people": (
        {"mutators": [mutator(result_fields=["payment"])]},
        "Send: result_fields must be a mapping, as {'payment': \"The bank's payment number\"}.",
    ),
    "a field of a result with a name of two words": (
        {"mutators": [mutator(result_fields={"the payment": "Its number"})]},
        "Send: a name of result_fields must be as 'payment', not 'the payment'.",
    ),
    "a field of a result that does not say what it is": (
        {"mutators": [mutator(result_fields={"payment": " "})]},
        "Send: result_fields['payment'] must say what it is, as {'payment': \"The bank's payment"
        ' number"}.',
    ),
    "a policy of a wrong value": (
        {"policy": {"peek_limit": 0}},
        "policy of workflow 'flow': WORKFLOWS['peek_limit'] must be above 0, not 0.",
    ),
    "a policy that is no dict": (
        {"policy": [("peek_limit", 5)]},
        "policy of workflow 'flow': it must be a dict.",
    ),
    "a mutator's policy of a wrong value": (
        {"mutators": [mutator(policy={"call_timeout_seconds": "5"})]},
        "policy of mutator 'send': WORKFLOWS['call_timeout_seconds'] must be a number, not '5'.",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_place(fault: str) -> None:
    attributes, message = FAULTS[fault]

    assert refusal(workflow(**attributes)) == f"Flow: {message}"


def test_a_slug_belongs_to_the_first_class_that_takes_it() -> None:
    first = register(workflow())
    other = made("Other", Workflow, **{**vars(first), "__module__": "elsewhere"})

    with pytest.raises(DefinitionError) as refused:
        register(other)

    assert str(refused.value) == ("Other: slug 'flow' is taken by tests.unit.declarations.Flow.")
    assert registry.get("flow") is first


def test_the_same_class_loaded_again_takes_its_own_place() -> None:
    register(workflow())
    again = workflow(title="Loaded again")

    assert register(again) is again
    assert registry.get("flow") is again


def test_a_wrong_setting_is_not_blamed_on_a_workflow(settings: Settings) -> None:
    """The system check workflows_app.E002 says what is wrong; at import it could not be heard."""
    settings.WORKFLOWS = {"no_such_key": 1}

    assert register(workflow()).slug == "flow"
