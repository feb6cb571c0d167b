"""The declaration of a workflow, and what is checked about it at import."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, ClassVar

from django.utils.functional import Promise

from workflows_app.conf import Policy, policy
from workflows_app.errors import DefinitionError, SettingsError
from workflows_app.sdk.handlers import Consumer, Handler, Producer
from workflows_app.sdk.json_values import is_text
from workflows_app.sdk.misspellings import require_well_spelt
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.schedules import LONGEST, Cron, Schedule, require_time_zone
from workflows_app.sdk.signatures import (
    CONSUMER_CALLS,
    PRODUCER_CALLS,
    require_callable,
    require_returned,
)

_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


class Workflow:
    """A named automation: its handlers and mutators, at a version."""

    slug: ClassVar[str] = ""
    title: ClassVar[str] = ""
    #: "major.minor". A repair raises minor, a re-plan raises major.
    version: ClassVar[str] = ""
    producers: ClassVar[Sequence[type[Producer]]] = ()
    consumers: ClassVar[Sequence[type[Consumer]]] = ()
    #: The only mutators that its consumers may call.
    mutators: ClassVar[Sequence[type[Mutator]]] = ()
    #: Whose clock `Cron` schedules go by, as "Europe/Berlin". Empty: the project's `TIME_ZONE`.
    time_zone: ClassVar[str] = ""
    #: Values of payloads, data, results and states that only people with `view_sensitive` see: as `secret_params`
    #: of a mutator, whose names need not be said again.
    secret_fields: ClassVar[Sequence[str]] = ()
    #: Overrides of the `WORKFLOWS` setting for this workflow.
    policy: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def version_pair(cls) -> tuple[int, int]:
        """Return (major, minor)."""
        return _pair(cls.version)

    @classmethod
    def handlers(cls) -> list[type[Handler]]:
        return [*cls.producers, *cls.consumers]

    @classmethod
    def topics(cls) -> list[str]:
        """Return every topic that a handler subscribes or publishes to, sorted."""
        names = {topic for handler in cls.handlers() for topic in handler.publishes}
        names |= {topic for consumer in cls.consumers for topic in consumer.subscribes}
        return sorted(names)

    @classmethod
    def consumer_of(cls, topic: str) -> type[Consumer] | None:
        return next((c for c in cls.consumers if topic in c.subscribes), None)

    @classmethod
    def handler_named(cls, name: str) -> type[Handler] | None:
        return next((h for h in cls.handlers() if h.handler_name() == name), None)

    @classmethod
    def mutator_named(cls, name: str) -> type[Mutator] | None:
        return next((m for m in cls.mutators if m.name == name), None)

    @classmethod
    def secret_names(cls) -> set[str]:
        """Return all that it, or a mutator of it, calls secret."""
        return {*cls.secret_fields, *(name for each in cls.mutators for name in each.secret_params)}

    @classmethod
    def schedule_of(cls, producer: type[Producer]) -> Schedule:
        """Return the schedule of a producer, by the clock of this workflow's time zone."""
        schedule: Schedule = producer.schedule
        return schedule.in_zone(cls.time_zone) if isinstance(schedule, Cron) else schedule

    @classmethod
    def policy_for(cls, mutator: type[Mutator] | None = None) -> Policy:
        """Return the policy of this workflow, or of one of its mutators. Raises SettingsError."""
        own = _frozen(cls.policy)
        of_mutator = None if mutator is None else _frozen(mutator.policy)
        found: Policy = _effective(policy(), cls, own, mutator, of_mutator)
        return found


@lru_cache(maxsize=4096)
def _pair(version: str) -> tuple[int, int]:
    major, minor = version.split(".")
    return int(major), int(minor)


def _frozen(overrides: object) -> Any:
    """Return what tells overrides from others; what is no mapping of plain values is told by itself."""
    if isinstance(overrides, Mapping):
        return tuple(sorted((str(name), repr(value)) for name, value in overrides.items()))
    return repr(overrides)


def _made(base: Policy, workflow: Any, _own: Any, mutator: Any, _of_mutator: Any) -> Policy:
    effective = base.overridden(workflow.policy, by=f"workflow '{workflow.slug}'")
    if mutator is None:
        return effective
    return effective.overridden(mutator.policy, by=f"mutator '{mutator.name}'")


#: Kept, since the host asks for it many times an event.
_effective: Any = lru_cache(maxsize=4096)(_made)


def validate(workflow: type[Workflow]) -> None:
    """Check the whole declaration of `workflow`. Raises DefinitionError that names what is wrong."""
    if not (isinstance(workflow, type) and issubclass(workflow, Workflow)):
        raise DefinitionError(f"{workflow!r} is not a subclass of Workflow.")
    who = workflow.__qualname__
    require_well_spelt(who, workflow, Workflow)
    _require_match(_SLUG, workflow.slug, who, "slug", "as 'invoice-payments'", 100)
    _require_match(_VERSION, workflow.version, who, "version", "as '1.0'", 20)
    if not is_text(workflow.title) or not workflow.title.strip() or len(workflow.title) > 200:
        raise DefinitionError(
            f"{who}: title must be a text of 1 to 200 characters, not {workflow.title!r:.100}."
        )
    require_time_zone(workflow.time_zone, who=who)
    for attribute, base in (
        ("producers", Producer),
        ("consumers", Consumer),
        ("mutators", Mutator),
    ):
        _require_classes(workflow, attribute, base)
    if not workflow.handlers():
        raise DefinitionError(f"{who}: it has neither producers nor consumers.")
    for handler in workflow.handlers():
        _check_handler(who, handler)
    for mutator in workflow.mutators:
        _check_mutator(who, mutator)
    _require_names(who, "secret_fields", workflow.secret_fields)
    _require_unique(who, "handlers", [h.handler_name() for h in workflow.handlers()])
    _require_unique(who, "mutators", [m.name for m in workflow.mutators])
    _require_unique(
        who,
        "subscriptions (a topic has one consumer)",
        [topic for consumer in workflow.consumers for topic in consumer.subscribes],
    )
    _check_policies(who, workflow)


def _check_policies(who: str, workflow: type[Workflow]) -> None:
    try:
        policy()
    except SettingsError:
        return  # The setting itself is wrong, which a system check says: no workflow is to blame.
    try:
        for mutator_or_none in (None, *workflow.mutators):
            workflow.policy_for(mutator_or_none)
    except SettingsError as error:
        raise DefinitionError(f"{who}: {error}") from None


def _require_match(
    pattern: re.Pattern[str], value: object, who: str, field: str, example: str, most: int
) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value) or len(value) > most:
        raise DefinitionError(f"{who}: {field} must be {example}, not {value!r}.")


def _require_classes(workflow: type[Workflow], attribute: str, base: type) -> None:
    listed = getattr(workflow, attribute)
    if not isinstance(listed, list | tuple):
        raise DefinitionError(f"{workflow.__qualname__}: {attribute} must be a list.")
    for item in listed:
        if not (isinstance(item, type) and issubclass(item, base)):
            raise DefinitionError(
                f"{workflow.__qualname__}: {attribute} lists {item!r}, which is not a subclass of "
                f"{base.__name__}."
            )


def _require_unique(who: str, what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DefinitionError(f"{who}: {what}: '{twice[0]}' is there twice.")


def _check_handler(workflow: str, handler: type[Handler]) -> None:
    who = f"{workflow}: {handler.__qualname__}"
    base = Consumer if issubclass(handler, Consumer) else Producer
    if issubclass(handler, Consumer) and issubclass(handler, Producer):
        raise DefinitionError(f"{who}: it is both a Consumer and a Producer: write two classes.")
    require_well_spelt(who, handler, base)
    _require_match(_NAME, handler.handler_name(), who, "name", "as 'PayInvoice'", 100)
    topic_lists = {"publishes": handler.publishes}
    if issubclass(handler, Consumer):
        topic_lists["subscribes"] = handler.subscribes
        if not handler.subscribes:
            raise DefinitionError(f"{who}: subscribes names no topic.")
    for attribute, topics in topic_lists.items():
        if not isinstance(topics, list | tuple):
            raise DefinitionError(f"{who}: {attribute} must be a list of topics.")
        for topic in topics:
            _require_match(_NAME, topic, who, f"a topic of {attribute}", "as 'invoice.paid'", 100)
    method = "prepare" if base is Consumer else "poll"
    if getattr(handler, method) is getattr(base, method):
        raise DefinitionError(f"{who}: it must implement {method}().")
    require_callable(who, handler, CONSUMER_CALLS if base is Consumer else PRODUCER_CALLS)
    if issubclass(handler, Consumer):
        require_returned(who, handler.mutate)
    if issubclass(handler, Consumer) and not isinstance(handler.handles_rejection, bool):
        given = handler.handles_rejection
        raise DefinitionError(f"{who}: handles_rejection must be True or False, not {given!r}.")
    if issubclass(handler, Producer):
        schedule = getattr(handler, "schedule", None)
        is_one = hasattr(schedule, "first_at") and hasattr(schedule, "next_after")
        if isinstance(schedule, type) or not is_one:
            raise DefinitionError(
                f"{who}: schedule must be Every(...) or Cron(...), as Every(minutes=5), not {schedule!r:.100}."
            )


def _check_mutator(workflow: str, mutator: type[Mutator]) -> None:
    who = f"{workflow}: {mutator.__qualname__}"
    require_well_spelt(who, mutator, Mutator)
    _require_match(_NAME, mutator.name, who, "name", "as 'bank.create_payment'", 100)
    if mutator.execute is Mutator.execute:
        raise DefinitionError(f"{who}: it must implement execute().")
    require_callable(who, mutator, mutator._host_calls)
    lag = mutator.absence_is_proof_after
    if not isinstance(lag, timedelta) or lag < timedelta(0):
        raise DefinitionError(f"{who}: absence_is_proof_after must be a timedelta, not negative.")
    lasts = mutator.key_lasts
    for name, given in (("absence_is_proof_after", lag), ("key_lasts", lasts)):
        if isinstance(given, timedelta) and given > LONGEST:
            raise DefinitionError(f"{who}: {name} must be {LONGEST.days:,} days at most.")
    if lasts is not None and not (isinstance(lasts, timedelta) and lasts > timedelta(0)):
        raise DefinitionError(
            f"{who}: key_lasts must be a timedelta above 0, or None: no key helps."
        )
    _check_result_fields(who, mutator.result_fields)
    _require_names(who, "secret_params", mutator.secret_params)
    for attribute, told in mutator.must_say.items():
        if not mutator.says(attribute):
            raise DefinitionError(f"{who}: it must say {attribute}: {told}.")


def _require_names(who: str, attribute: str, names: object) -> None:
    """Check names of secret values. A text by itself would be taken for its letters."""
    if not isinstance(names, list | tuple):
        raise DefinitionError(f"{who}: {attribute} must be a list of names, as ['iban'].")
    for name in names:
        parts = name.split(".") if is_text(name) else []
        if not 1 <= len(parts) <= 2 or not all(parts):
            raise DefinitionError(
                f"{who}: {attribute} lists {name!r}: it must be a name, as 'iban', or two, as"
                " 'bank.iban'."
            )


def _check_result_fields(who: str, fields: object) -> None:
    example = "as {'payment': \"The bank's payment number\"}"
    if not isinstance(fields, Mapping):
        raise DefinitionError(f"{who}: result_fields must be a mapping, {example}.")
    for name, label in fields.items():
        _require_match(_NAME, name, who, "a name of result_fields", "as 'payment'", 100)
        told = str(label) if isinstance(label, str | Promise) else None
        if not is_text(told) or not told.strip():
            raise DefinitionError(f"{who}: result_fields['{name}'] must say what it is, {example}.")
