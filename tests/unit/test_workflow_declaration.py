"""What the host reads from a declaration: versions, topics, handlers, mutators, and the policy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from tests.unit.declarations import mutator, workflow
from workflows_app.errors import SettingsError


def test_versions_are_compared_as_numbers() -> None:
    assert workflow(version="10.2").version_pair() == (10, 2)
    assert workflow(version="9.10").version_pair() > workflow(version="9.9").version_pair()


def test_what_only_the_base_says_nobody_said() -> None:
    assert mutator(absence_is_proof_after=timedelta(0)).says("absence_is_proof_after") is True
    assert mutator().says("absence_is_proof_after") is False
    assert mutator().says("no_such_attribute") is False


def test_an_override_that_a_changed_setting_makes_wrong_is_an_error(settings: Settings) -> None:
    flow = workflow(policy={"wake_max_seconds": 60})
    settings.WORKFLOWS = {"wake_min_seconds": 61}

    with pytest.raises(SettingsError) as refused:
        flow.policy_for()

    assert str(refused.value) == (
        "policy of workflow 'flow': WORKFLOWS['wake_min_seconds'] must not be above"
        " WORKFLOWS['wake_max_seconds']."
    )
