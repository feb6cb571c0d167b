"""A process dies at each boundary that the host has, whatever it is at (P1, P2, P3).

One workflow is new, for each kind of mutator; one is about to carry out each decision of a person.
Whichever comes to the boundary first kills the worker, and all the others with it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from tests.crash.payments import ADDRESS_VARIABLE, SLUGS_VARIABLE
from tests.crash.processes import ENVIRONMENT, start
from tests.crash.scenario import TOPIC, Scenario
from tests.eventually import eventually
from tests.sound import violations
from workflows_app.boundaries import Boundary
from workflows_app.demo.database import environment_for
from workflows_app.models import Event, Run
from workflows_app.operations import (
    OperationRefused,
    it_didnt_happen,
    retry_failed_run,
    skip_run,
    try_again,
)
from workflows_app.testing import drain

DECISIONS = {
    "mute-repeated": it_didnt_happen,
    "mute-skipped": skip_run,
    "asked-again": try_again,
    "mute-retried": retry_failed_run,
}
NEW = ["mute-new", "asked-new"]
#: Where a worker passes. Whoever publishes or decides passes the last one.
OF_WORKERS = [boundary for boundary in Boundary if boundary is not Boundary.UNANNOUNCED]
#: Boundaries that only something going wrong leads to.
AFTER_A_REFUSAL = (Boundary.ASKED, Boundary.RECONCILED)
AFTER_A_FAULT = (Boundary.FAILED,)
#: Where a worker comes that can't go on: the database refuses whatever it writes of a run.
AFTER_REFUSED_WRITES = (Boundary.RELEASED,)


@pytest.mark.parametrize("boundary", OF_WORKERS, ids=lambda boundary: boundary.value)
def test_a_worker_that_dies_there_loses_and_doubles_nothing(
    boundary: Boundary,
    scenario: Callable[..., Scenario],
    operator_user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = scenario(*DECISIONS, *NEW)
    outside = scene.outside
    monkeypatch.setenv(ADDRESS_VARIABLE, outside.address)
    _decide(scene, operator_user)
    if boundary in AFTER_A_REFUSAL:
        outside.refusing["asked-new"] = 503
    if boundary in AFTER_A_FAULT:
        outside.failing.update(f"{slug}/next" for slug in scene.slugs)

    monkeypatch.setenv("WORKFLOWS_DIE_AT", boundary.value)
    with _writes_refused() if boundary in AFTER_REFUSED_WRITES else nullcontext():
        dying = scene.start_worker()
        eventually(lambda: dying.is_running, False)
    monkeypatch.delenv("WORKFLOWS_DIE_AT")
    outside.refusing.clear()
    outside.failing.clear()
    scene.start_worker()

    eventually(lambda: _left_to_do(scene, operator_user), [])
    paid = {slug: len(outside.paid(slug)) for slug in scene.slugs}
    assert {slug for slug, number in paid.items() if number > 1} == set()
    consumed = Event.objects.filter(topic__name=TOPIC, status="consumed")
    assert [
        slug for slug in consumed.values_list("topic__workflow__slug", flat=True) if not paid[slug]
    ] == []
    assert violations() == []


@contextmanager
def _writes_refused() -> Iterator[None]:
    """Let the database refuse every change of a run during the block."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'no run is changed today'; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE ON workflows_app_run"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse() CASCADE")


def _decide(scene: Scenario, person: User) -> None:
    """Bring every workflow of DECISIONS to where a person decides, and decide."""
    with override_settings(WORKFLOWS={"reconcile_attempts": 1}):
        _come_to_a_decision(scene)
    for slug, operation in DECISIONS.items():
        operation(scene.last_run(slug), actor=person, reason="I looked at the bank")


def _come_to_a_decision(scene: Scenario) -> None:
    scene.outside.refusing.update(dict.fromkeys(DECISIONS, 500) | {"mute-retried": 422})
    scene.outside.evading["asked-again"] = 503
    for slug in DECISIONS:
        drain(slug)
    drain("asked-again", now=timezone.now() + timedelta(hours=1))
    scene.outside.refusing.clear()
    scene.outside.evading.clear()


def _left_to_do(scene: Scenario, person: User) -> list[str]:
    """Settle what waits for a person, as the outside system's own records say; return what is open."""
    keys = {effect.key for effect in scene.outside.effects}
    unfinished = Run.objects.filter(status="blocked") | Run.objects.filter(
        status="failed", owes_retry=True, retry_due_at=None
    )
    for run in unfinished.select_related("mutation"):
        happened = run.idempotency_key in keys
        operation = retry_failed_run if run.status == "failed" else skip_run
        if run.status == "blocked" and not happened:
            operation = it_didnt_happen
        try:
            operation(run, actor=person, reason="as the records say")
        except OperationRefused:
            # The worker was quicker; the next look sees what it did.
            continue
    waiting = Event.objects.filter(topic__name=TOPIC).exclude(status__in=["consumed", "skipped"])
    found = [f"{event.topic.workflow.slug} {event.status}" for event in waiting]
    unended = Run.objects.filter(status__in=Run.OPEN) | Run.objects.filter(owes_retry=True)
    return found + [f"run {run.pk} {run.status}" for run in unended]


def test_an_event_whose_publisher_dies_before_it_tells_the_host_is_found(
    scenario: Callable[..., Scenario], tmp_path: Path
) -> None:
    scene = scenario("mute-new")
    line = tmp_path / "events.jsonl"
    line.write_text('{"message_id": "43", "payload": {"account": "mute-new"}}\n')

    _dies(scene, tmp_path, "publish_events", "mute-new", TOPIC, str(line))
    scene.start_worker()

    eventually(
        lambda: sorted(effect.invoice for effect in scene.outside.paid("mute-new")), ["42", "43"]
    )


def test_a_decision_whose_process_dies_before_it_tells_the_host_is_carried_out(
    scenario: Callable[..., Scenario],
    operator_user: User,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    scene = scenario("mute-new")
    monkeypatch.setenv(ADDRESS_VARIABLE, scene.outside.address)
    scene.outside.refusing["mute-new"] = 500
    drain("mute-new")
    scene.outside.refusing.clear()
    run = scene.last_run("mute-new")

    options = ["--actor", "olga", "--reason", "not there", "--no-input"]
    operation = ["--operation", "it_didnt_happen", str(run.pk)]
    _dies(scene, tmp_path, "resolve_runs", *operation, *options)
    scene.start_worker()

    eventually(
        lambda: scene.told("mute-new"),
        "failed mutating (failed); committed committed (applied); 42 consumed; paid 42",
    )


def _dies(scene: Scenario, directory: Path, *arguments: str) -> None:
    """Run a command that dies when it has committed, before it tells the host."""
    log = directory / "command.log"
    command = start(
        *(*arguments, "--skip-checks"),
        environment={
            **ENVIRONMENT,
            **environment_for(connection.settings_dict["NAME"]),
            "WORKFLOWS_DIE_AT": Boundary.UNANNOUNCED.value,
            ADDRESS_VARIABLE: scene.outside.address,
            SLUGS_VARIABLE: " ".join(scene.slugs),
        },
        log=log,
    )
    command.join(100)
    assert command.exitcode == -signal.SIGKILL, log.read_text()
