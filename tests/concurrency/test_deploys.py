"""Two deploys at once of a workflow that the database does not know yet; `matrix` has all others (P6)."""

from __future__ import annotations

from functools import partial

from tests.concurrency.stage import SLUG, Stage
from tests.rivals import holding, queued
from workflows_app.engine.versions import sync
from workflows_app.models import WorkflowVersion
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
