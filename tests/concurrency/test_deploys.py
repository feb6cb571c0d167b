"""Two first deploys at once, and one beside a publisher; `matrix` has all others (P6, P8)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import transaction

from tests.concurrency.stage import SLUG, Stage
from tests.rivals import Rival, holding, queued
from workflows_app.engine.claims import lock_workflow
from workflows_app.engine.versions import sync
from workflows_app.models import Event, WorkflowVersion
from workflows_app.testing import drain, registered


def test_two_first_deploys_at_once_make_one_workflow(transactional_db: None) -> None:
    scene = Stage()
    with holding("LOCK TABLE workflows_app_workflow IN EXCLUSIVE MODE"):
        first, second = queued(partial(sync, scene.workflow), partial(sync, scene.workflow))

    outcomes = sorted(rival.result().outcome for rival in (first, second))
    assert outcomes == ["created", "unchanged"]
    assert [str(version) for version in WorkflowVersion.objects.all()] == ["1.0"]
    with registered(scene.workflow):
        scene.publish()
        drain(SLUG)
    assert scene.told() == "committed committed (applied); 42 consumed; 1 effects"


def test_a_deploy_waits_for_a_publisher_without_the_workflow(stage: Callable[..., Stage]) -> None:
    """As a poll does, it locks the workflow last."""
    scene = stage()
    scene.publish()
    new = scene.code(version="1.1")
    new.consumers[0].lane = lambda self, event: "b"  # type: ignore[method-assign]

    def publish_anew() -> None:
        with transaction.atomic():
            scene.publish(payload="changed")
            scene.passes("published")
            lock_workflow(scene.row.pk)

    scene.hold("published")
    publisher = Rival(publish_anew)
    scene.wait_for("published")
    (deploy,) = queued(partial(sync, new))
    Rival(partial(_lock, scene.row.pk)).result(within_seconds=5)
    scene.release("published")
    publisher.result()

    assert (deploy.result().outcome, Event.objects.get().payload) == ("repaired", "changed")


def test_a_deploy_ends_though_somebody_publishes_all_the_time(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the end it waits with the workflow in hand."""
    scene = stage()
    scene.publish()
    new = scene.code(version="1.1")
    new.consumers[0].lane = lambda self, event: "b"  # type: ignore[method-assign]
    # As if the next one had begun when the last one ended.
    monkeypatch.setattr("workflows_app.engine.versions.wait_for_publishers", lambda events: None)

    def publish_anew() -> None:
        with transaction.atomic():
            scene.publish(payload="changed")
            scene.passes("published")

    scene.hold("published")
    publisher = Rival(publish_anew)
    scene.wait_for("published")
    (deploy,) = queued(partial(sync, new))
    scene.release("published")
    publisher.result()

    assert deploy.result().outcome == "repaired"


def _lock(workflow_id: int) -> None:
    with transaction.atomic():
        lock_workflow(workflow_id)
