"""For tests of workflows, an author's and our own: the host in this process, on a real database.

A pytest plugin. In the `conftest.py` of a project: `pytest_plugins = ["workflows_app.testing"]`.
Tests need `@pytest.mark.django_db`. Outside calls run in threads of their own: a mutator that itself
uses the database needs `transaction=True`, to see what the test wrote.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any

import pytest

from workflows_app import failed_runs
from workflows_app.database import has_queue
from workflows_app.made_for_tests import is_of_tests
from workflows_app.sdk.failures import NotApplied
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.raised import EndsTest
from workflows_app.sdk.values import Reconciliation
from workflows_app.sdk.workflow import Workflow
from workflows_app.sdk.writes import heard
from workflows_app.testing_arguments import (
    require_class,
    require_drainable,
    require_played,
    require_registrable,
)

pytest_runtest_setup = failed_runs.pytest_runtest_setup
pytest_runtest_makereport = failed_runs.pytest_runtest_makereport

WITHOUT_MIGRATIONS = (
    "The database was made without migrations, and has no queue and no triggers: run the tests without"
    " --nomigrations, and with the migrations of all apps (MIGRATION_MODULES)."
)


@contextmanager
def registered(
    *workflows: type[Workflow],
    mutators: Iterable[type[Mutator]] = (),
    allow_outside: bool = False,
) -> Iterator[None]:
    """Register and sync `workflows` for a block. Raises DefinitionError and SyncRefused; AssertionError for what is no class.

    `mutators` play in place of those of the same names, so that nothing is called outside. A mutator of
    the project for which none plays is refused when it is about to be called: UnscriptedMutator. One that
    is a `ScriptedMutator`, or that the tests define themselves, is a stand-in already. `allow_outside`:
    the project's own mutators are called as they are, and all `mutators` must play: else AssertionError.
    """
    from workflows_app import registry
    from workflows_app.engine.versions import sync

    mutators = require_registrable(workflows, mutators)
    stand_ins = {mutator.name: mutator for mutator in mutators}
    if allow_outside:
        require_played(workflows, stand_ins)
    if not has_queue():
        raise AssertionError(WITHOUT_MIGRATIONS)
    played = [_with_stand_ins(workflow, stand_ins, allow_outside) for workflow in workflows]
    with registry.override(*played):
        for workflow in played:
            sync(workflow)
        yield


def _with_stand_ins(
    workflow: type[Workflow], stand_ins: dict[str, type[Mutator]], allow_outside: bool
) -> type[Workflow]:
    mutators = [
        stand_ins.get(mutator.name)
        or (mutator if allow_outside or _is_stand_in(mutator) else _refused(mutator))
        for mutator in workflow.mutators
    ]
    if mutators == list(workflow.mutators):
        return workflow
    body = {"__module__": workflow.__module__, "mutators": mutators}
    return type(workflow.__name__, (workflow,), body)


def _is_stand_in(mutator: type[Mutator]) -> bool:
    """Tell whether the mutator was made for tests: it is scripted, or a module of tests defines it."""
    return issubclass(mutator, ScriptedMutator) or is_of_tests(mutator.__module__)


def _refused(mutator: type[Mutator]) -> type[Mutator]:
    """Return the mutator so that nothing of it is called outside."""

    def refuse(self: Mutator, params: Any, *, idempotency_key: str) -> Any:
        raise UnscriptedMutator(mutator.name)

    asked = {"reconcile": refuse} if mutator.can_reconcile() else {}
    return type(mutator.__name__, (mutator,), {"execute": refuse, **asked})


#: `pytest.fail()` and `pytest.skip()` in a handler end the test, too.
for _ends_test in (pytest.fail.Exception, pytest.skip.Exception):
    EndsTest.register(_ends_test)


class UnscriptedMutator(EndsTest):
    """A test was about to call a mutator of the project, outside. It ends the test, not the run."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"'{name}' is no stand-in, and a test must not call outside: give "
            f"registered(..., mutators=[scripted(..., replaces=...)]), or allow_outside=True."
        )


def drain(
    slug: str | None = None,
    *,
    now: datetime | None = None,
    max_steps: int = 1000,
    at_once: int = 1,
) -> int:
    """Run the host here until nothing is due at `now`; return the number of steps.

    Handlers run in the calling thread; up to `at_once` outside calls go side by side, each in a thread
    of its own. `slug` limits it to one workflow. Raises AssertionError after `max_steps`: a workflow that
    never comes to rest. Warns by RowsWrittenOutsideRecord of handlers whose `prepare`, `mutate`, `next` or `lane` wrote rows.
    """
    require_drainable(slug, now, max_steps, at_once)
    with heard() as hints, failed_runs.noted():
        steps = _drained(slug, now, max_steps, at_once)
    for hint in hints:
        warnings.warn(hint, RowsWrittenOutsideRecord, stacklevel=2)
    return steps


class RowsWrittenOutsideRecord(UserWarning):
    """A phase of a handler that may be called again wrote rows: what it writes is not undone."""


def _drained(slug: str | None, now: datetime | None, max_steps: int, at_once: int) -> int:
    from workflows_app import registry
    from workflows_app.engine.advancing import advance
    from workflows_app.models import Workflow as WorkflowRow

    slugs = [slug] if slug is not None else [workflow.slug for workflow in registry.all_workflows()]
    rows = WorkflowRow.objects.filter(slug__in=slugs).order_by("pk")
    if slug is not None and not rows:
        raise AssertionError(f"No workflow '{slug}' was synced: use registered() around drain().")
    clock = None if now is None else (lambda: now)
    steps = 0
    while True:
        before = steps
        for row in rows:
            limit = max_steps - steps + 1
            done = advance(row.pk, clock=clock, max_steps=limit, at_once=at_once)
            steps += done.steps
            if steps > max_steps:
                raise AssertionError(
                    f"drain() did not come to rest within {max_steps} steps; workflow '{row.slug}' "
                    f"still had something to do."
                )
        if steps == before:
            return steps


class SimulatedCrash(EndsTest):
    """Ends the host in the middle of an outside call, as a kill of the worker would."""


#: What a script may play.
OUTCOMES = ("applied", "rejected", "refused", "timeout", "lost", "crash", "crash_before")


class ScriptedMutator(Mutator):
    """Plays given outcomes, one a call, and records the calls.

    Make one for a test by `scripted("applied", "timeout", ...)`, or in place of a mutator of yours by
    `scripted(..., replaces=CreatePayment)`, to be given to `registered`. Outcomes of `execute`:

    - `"applied"`: it happens, and the answer arrives
    - `"rejected"`: a sure no (`NotApplied`); `"refused"`: a sure no that may change (retryable)
    - `"timeout"`: it does not happen, and no answer arrives
    - `"lost"`: it happens, and the answer is lost
    - `"crash"`: it happens, and the worker dies; `"crash_before"`: the worker dies first

    After the last outcome the last one repeats. `effects` are the idempotency keys of what happened,
    `calls` all calls as (params, key). With `reconcilable`, `reconcile` tells from `effects`.
    """

    name = "scripted"
    outcomes: list[str]
    calls: list[tuple[Any, str]]
    effects: list[str]
    reconciliations: list[str]
    #: What each effect answers; None is {"number": n}.
    result: Any = None

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        script = type(self)
        outcome = script.outcomes[min(len(script.calls), len(script.outcomes) - 1)]
        script.calls.append((params, idempotency_key))
        if outcome in ("applied", "lost", "crash"):
            script.effects.append(idempotency_key)
        match outcome:
            case "applied":
                return script.result_of(len(script.effects))
            case "rejected":
                raise NotApplied("rejected by the script")
            case "refused":
                raise NotApplied("refused by the script", retryable=True)
            case "timeout" | "lost":
                raise TimeoutError("no answer, says the script")
            case "crash" | "crash_before":
                raise SimulatedCrash
        raise AssertionError(f"ScriptedMutator knows no outcome {outcome!r}.")

    @classmethod
    def result_of(cls, number: int) -> Any:
        """Return the answer of the effect of this number."""
        return {"number": number} if cls.result is None else cls.result

    def target(self, params: Any) -> str:
        return "the script"


class ReconcilableScriptedMutator(ScriptedMutator):
    """A `ScriptedMutator` whose effects can be looked up."""

    def reconcile(self, params: Any, *, idempotency_key: str) -> Reconciliation:
        type(self).reconciliations.append(idempotency_key)
        if idempotency_key in type(self).effects:
            number = type(self).effects.index(idempotency_key) + 1
            return Reconciliation.applied(type(self).result_of(number))
        return Reconciliation.not_applied()


def scripted(
    *outcomes: str,
    reconcilable: bool = False,
    name: str = "scripted",
    replaces: type[Mutator] | None = None,
    result: Any = None,
) -> type[ScriptedMutator]:
    """Return a new mutator class that plays `outcomes`, with empty records.

    `result`: what `next` and `record` get of each effect, as the real one would answer.
    `replaces`: it has the name of that mutator, can reconcile if that can, and tells staff the same.
    Raises AssertionError for an outcome that it does not know, and for what is no class of a mutator.
    """
    if replaces is not None:
        require_class(replaces, Mutator, "scripted(replaces=...)", "replaces=CreatePayment")
    unknown = [outcome for outcome in outcomes if outcome not in OUTCOMES]
    if unknown:
        raise AssertionError(f"scripted() knows no outcome {unknown[0]!r}, only {OUTCOMES}.")
    told: dict[str, Any] = {"name": name}
    if replaces is not None:
        reconcilable = replaces.can_reconcile()
        kept = (
            *("name", "policy", "absence_is_proof_after", "key_lasts"),
            *("target", "verification_steps", "verification_url"),
        )
        told = {attribute: getattr(replaces, attribute) for attribute in kept}
        if not replaces.says("key_lasts"):
            del told["key_lasts"]
    base = ReconcilableScriptedMutator if reconcilable else ScriptedMutator
    # What staff are told may be made up by other methods of that mutator. One that plays already plays on.
    bases: tuple[type, ...] = (base,) if replaces is None else (base, replaces)
    if replaces is not None and issubclass(replaces, ScriptedMutator):
        bases = (replaces,)
    records: dict[str, Any] = {
        **told,
        "outcomes": list(outcomes or ("applied",)),
        "calls": [],
        "effects": [],
        "reconciliations": [],
        "result": result,
    }
    return type("Scripted", bases, records)


@pytest.fixture(name="registered")
def _registered() -> Callable[..., AbstractContextManager[None]]:
    """`registered(*workflows)`, as a fixture."""
    return registered


@pytest.fixture(name="drain")
def _drain() -> Callable[..., int]:
    """`drain(slug=None, *, now=None, max_steps=1000)`, as a fixture."""
    return drain


@pytest.fixture(name="scripted")
def _scripted() -> Callable[..., type[ScriptedMutator]]:
    """`scripted(*outcomes, reconcilable=False)`, as a fixture."""
    return scripted
