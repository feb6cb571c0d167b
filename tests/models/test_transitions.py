"""Every transition from every state: the table of section 4 of the design, allowed and forbidden."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django_fsm import FSMField, TransitionNotAllowed

from workflows_app.models import Breaker, Event, Mutation, Run, Workflow

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OTHER_RUN = Run(pk=7)
SETTLED = {"by": "operator", "now": NOON}

#: (model, field) -> {transition: (arguments, sources, target)}
TABLE: dict[tuple[type[models.Model], str], dict[str, tuple[dict[str, Any], set[str], str]]] = {
    (Breaker, "status"): {
        "open": ({"now": NOON, "trial_at": NOON}, {"closed", "half_open"}, "open"),
        "let_one_through": ({}, {"open"}, "half_open"),
        "close": ({}, {"open", "half_open"}, "closed"),
    },
    (Workflow, "status"): {
        "pause": ({}, {"active"}, "paused"),
        "resume": ({}, {"paused"}, "active"),
    },
    (Event, "status"): {
        "reserve": ({"run": OTHER_RUN}, {"pending"}, "reserved"),
        "hand_over": ({"run": OTHER_RUN}, {"reserved"}, "reserved"),
        "consume": ({}, {"reserved"}, "consumed"),
        "release": ({}, {"reserved"}, "pending"),
        "skip": ({}, {"pending", "reserved"}, "skipped"),
    },
    (Run, "phase"): {
        "set_prepared": ({}, {"preparing"}, "prepared"),
        "set_mutating": ({}, {"preparing", "prepared"}, "mutating"),
        "set_mutated": ({}, {"mutating"}, "mutated"),
        "set_emitting": ({}, {"preparing", "prepared", "mutated"}, "emitting"),
        "set_committed": ({}, {"emitting"}, "committed"),
    },
    (Run, "status"): {
        "commit": ({}, {"active"}, "committed"),
        "fail": ({"kind": "logic"}, {"active", "reconciling", "blocked"}, "failed"),
        "crash": ({}, {"active"}, "crashed"),
        "begin_reconciling": ({}, {"active", "blocked"}, "reconciling"),
        "block": ({}, {"active", "reconciling"}, "blocked"),
        "unblock": ({}, {"reconciling", "blocked"}, "active"),
    },
    (Mutation, "status"): {
        "apply": (SETTLED | {"result": {"id": 1}}, {"in_flight", "needs_reconcile"}, "applied"),
        "apply_late": (SETTLED | {"result": {"id": 1}}, {"indeterminate"}, "applied"),
        "set_failed": (SETTLED, {"in_flight", "needs_reconcile", "indeterminate"}, "failed"),
        "await_reconcile": (
            {"due_at": NOON},
            {"in_flight", "needs_reconcile"},
            "needs_reconcile",
        ),
        "restart_reconcile": ({"due_at": NOON}, {"indeterminate"}, "needs_reconcile"),
        "give_up": ({}, {"in_flight", "needs_reconcile"}, "indeterminate"),
        "skip": ({"now": NOON}, {"indeterminate"}, "skipped"),
    },
}
FINAL = {
    (Event, "status"): {"consumed", "skipped"},
    (Run, "status"): {"committed", "failed", "crashed"},
    (Run, "phase"): {"committed"},
    (Mutation, "status"): {"applied", "failed", "skipped"},
    (Workflow, "status"): set(),
    (Breaker, "status"): set(),
}


def states_of(model: type[models.Model], field: str) -> list[str]:
    return [value for value, _ in model._meta.get_field(field).choices]


def transitions_of(model: type[models.Model], field: str) -> set[str]:
    instance = model()
    return {each.name for each in getattr(instance, f"get_all_{field}_transitions")()}


each_machine = pytest.mark.parametrize(
    ("model", "field"), TABLE, ids=lambda value: getattr(value, "__name__", value)
)


@each_machine
def test_a_transition_starts_from_its_sources_only(model: type[models.Model], field: str) -> None:
    for name, (arguments, sources, target) in TABLE[model, field].items():
        for state in states_of(model, field):
            instance = model(**{field: state})
            before = vars(instance).copy()
            if state in sources:
                getattr(instance, name)(**arguments)
                assert getattr(instance, field) == target
                continue
            with pytest.raises(TransitionNotAllowed) as refused:
                getattr(instance, name)(**arguments)
            assert str(refused.value) == (
                f"Can't switch from state '{state}' using method '{name}'"
            )
            assert vars(instance) == before


@each_machine
def test_the_table_names_all_transitions_and_final_states(
    model: type[models.Model], field: str
) -> None:
    assert transitions_of(model, field) == set(TABLE[model, field])
    sources = set().union(*(sources for _, sources, _ in TABLE[model, field].values()))
    assert set(states_of(model, field)) - sources == FINAL[model, field]


def test_the_table_names_all_state_machines() -> None:
    machines = {
        (model, field.name)
        for model in apps.get_app_config("workflows_app").get_models()
        if not model.__name__.startswith("Historical")
        for field in model._meta.concrete_fields
        if isinstance(field, FSMField)
    }

    assert machines == set(TABLE)


def test_the_phase_only_moves_forward() -> None:
    order = states_of(Run, "phase")

    for _, sources, target in TABLE[Run, "phase"].values():
        assert all(order.index(source) < order.index(target) for source in sources)


@each_machine
def test_a_state_can_not_be_assigned(model: type[models.Model], field: str) -> None:
    instance = model()
    before = getattr(instance, field)

    with pytest.raises(AttributeError) as refused:
        setattr(instance, field, states_of(model, field)[-1])

    assert str(refused.value) == f"Direct {field} modification is not allowed"
    assert getattr(instance, field) == before


@pytest.mark.parametrize("name", TABLE[Run, "status"])
def test_the_status_of_a_run_never_changes_its_phase(name: str) -> None:
    arguments, sources, _ = TABLE[Run, "status"][name]
    for state in sources:
        run = Run(status=state, phase="mutating")
        getattr(run, name)(**arguments)
        assert run.phase == "mutating"


def test_a_breaker_is_open_since_it_opened_first_until_it_is_closed() -> None:
    breaker = Breaker()
    for hours in (0, 2):
        later = NOON + timedelta(hours=hours)
        breaker.open(now=later, trial_at=later)
        breaker.let_one_through()
    assert (breaker.opened_at, breaker.openings) == (NOON, 2)
    breaker.close()
    breaker.open(now=later, trial_at=later)
    assert (breaker.opened_at, breaker.openings) == (later, 1)


def test_an_event_names_who_reserves_it_and_forgets_it_again() -> None:
    event = Event(status="pending")
    event.reserve(run=Run(pk=1))
    assert event.reserved_by_id == 1
    event.hand_over(run=Run(pk=2))
    assert event.reserved_by_id == 2

    for leave in ("consume", "release", "skip"):
        held = Event(status="reserved", reserved_by_id=2)
        getattr(held, leave)()
        assert held.reserved_by_id is None


def test_a_failed_run_keeps_the_kind_of_its_failure() -> None:
    run = Run()
    run.fail("rejected")

    assert (run.failure_kind, run.get_failure_kind_display()) == (
        "rejected",
        "rejected by the outside system",
    )


@pytest.mark.parametrize("name", ["apply", "set_failed"])
def test_a_settled_mutation_says_who_settled_it_when(name: str) -> None:
    ended_at = NOON - timedelta(hours=1)
    mutation = Mutation(status="needs_reconcile", next_reconcile_at=NOON, ended_at=ended_at)
    arguments, _, _ = TABLE[Mutation, "status"][name]

    getattr(mutation, name)(**arguments | {"by": "reconcile"})

    assert (mutation.resolved_by, mutation.resolved_at, mutation.next_reconcile_at) == (
        "reconcile",
        NOON,
        None,
    )
    assert mutation.result == ({"id": 1} if name == "apply" else None)


def test_a_skipped_mutation_was_settled_by_a_person() -> None:
    mutation = Mutation(status="indeterminate", ended_at=NOON - timedelta(hours=1))
    mutation.skip(now=NOON)

    assert (mutation.resolved_by, mutation.resolved_at) == ("operator", NOON)


def test_asking_goes_on_counting_but_a_person_lets_it_start_over() -> None:
    asked = Mutation(status="needs_reconcile", reconcile_attempts=3)
    asked.await_reconcile(due_at=NOON)
    assert (asked.reconcile_attempts, asked.next_reconcile_at) == (3, NOON)

    asked.give_up()
    assert (asked.reconcile_attempts, asked.next_reconcile_at, asked.resolved_by) == (3, None, "")

    asked.restart_reconcile(due_at=NOON)
    assert (asked.reconcile_attempts, asked.next_reconcile_at) == (0, NOON)
