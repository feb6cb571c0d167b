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


def test_what_a_mutator_overrides_holds_for_it_alone_and_the_rest_is_its_workflow_s() -> None:
    send = mutator(policy={"call_timeout_seconds": 5})
    flow = workflow(
        mutators=[mutator(name="other"), send],
        policy={"call_timeout_seconds": 4, "json_max_bytes": 9},
    )

    found = [flow.policy_for(one) for one in (None, *flow.mutators)]

    assert [(one.call_timeout_seconds, one.json_max_bytes) for one in found] == [
        (4, 9),
        (4, 9),
        (5, 9),
    ]


def test_what_is_secret_is_said_by_the_workflow_and_by_each_mutator() -> None:
    one, other = mutator(secret_params=["iban"]), mutator(name="other", secret_params=["pin"])

    flow = workflow(mutators=[one, other], secret_fields=["birthday"])

    assert flow.secret_names() == {"birthday", "iban", "pin"}


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
