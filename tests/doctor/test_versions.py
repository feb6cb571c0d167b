"""What versions left behind is found: topics without a consumer, runs without their handler (P6)."""

from __future__ import annotations

import pytest

from tests.doctor.planting import Rows, found_by, plant
from tests.doctor.shop import SLUG, Shop
from workflows_app import registry
from workflows_app.models import Topic, Workflow
from workflows_app.sdk.registration import declared

pytestmark = pytest.mark.django_db


def test_pending_events_that_a_version_orphaned_are_found(paid: Rows, shop: Shop) -> None:
    shop.order("3")
    assert found_by("D903") == []

    shop.deploy("2.0", tells=False)
    shop.run_host()

    topic = Topic.objects.get(name="paid")
    assert found_by("D903") == [f"shop: topic {topic.pk} paid has 1 pending event(s)"]


def test_code_that_is_not_the_active_version_is_found(neighbour: None, shop: Shop) -> None:
    key, other = shop.workflow.pk, Workflow.objects.get(slug="neighbour").pk
    shop.deploy("1.1")
    assert found_by("D905") == []
    plant("UPDATE workflows_app_workflowversion SET source_digest = 'x'")
    assert found_by("D905") == [
        f"neighbour: workflow {other} has version 1.0 active with other code than here",
        f"shop: workflow {key} has version 1.1 active with other code than here",
    ]
    # Of one that has none, D901 tells.
    plant(f"UPDATE workflows_app_workflow SET active_version_id = NULL WHERE id = {other}")

    assert found_by("D905") == [
        f"shop: workflow {key} has version 1.1 active with other code than here"
    ]

    plant("UPDATE workflows_app_workflowversion SET minor = 2 WHERE minor = 1")
    assert found_by("D905") == [
        f"shop: workflow {key} has version 1.2 active, but the code here is 1.1"
    ]

    with registry.override():
        del declared[SLUG]
        assert found_by("D905") == [
            f"shop: workflow {key} has version 1.2 active, but no code here"
        ]
