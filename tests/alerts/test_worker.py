"""A worker process tells people: by itself, beside its work, and again after it was killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from tests.alerts.conftest import BASE_URL, address_of, texts
from tests.commands.processes import forked
from tests.connectors.server import Outside
from tests.eventually import eventually
from workflows_app.models import Alert

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_sends_what_waits_and_another_one_what_a_killed_one_had_begun(
    scene: Callable[..., Any], webhook: Outside
) -> None:
    run = scene("lost").happens()
    alerts = {"base_url": BASE_URL, "default": ["hook"]}
    environment = {
        "WORKFLOWS": json.dumps({"alerts": alerts}),
        "ALERT_CHANNELS": json.dumps({"hook": address_of(webhook)}),
    }
    webhook.gate.clear()
    with forked("run_worker", **environment):
        eventually(lambda: len(webhook.received), 1)
        eventually(lambda: list(Alert.objects.values_list("status", "attempts")), [("waiting", 1)])
    webhook.gate.set()
    # Its claim is over.
    Alert.objects.update(claimed_until=Now(), next_attempt_at=F("created_at"))

    with forked("run_worker", **environment):
        eventually(lambda: list(Alert.objects.values_list("status", "attempts")), [("sent", 2)])

    assert [f"/run/{run.pk}/change/" in body for _, body in texts(webhook)] == [True, True]
