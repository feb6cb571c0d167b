"""The `WORKFLOWS` setting: typed, checked, and read anew when a test changes it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from django.test import override_settings
from pytest_django import Settings

from workflows_app.conf import Policy, policy
from workflows_app.errors import SettingsError

KEYS = [field.name for field in dataclasses.fields(Policy)]


def test_the_setting_replaces_defaults_one_by_one(settings: Settings) -> None:
    settings.WORKFLOWS = {"peek_limit": 7, "lease_seconds": 5}

    assert policy() == dataclasses.replace(Policy(), peek_limit=7, lease_seconds=5)


def test_a_project_without_the_setting_has_the_defaults(settings: Settings) -> None:
    del settings.WORKFLOWS

    assert policy() == Policy()


def test_the_setting_is_read_anew_when_it_changes() -> None:
    before = policy()

    with override_settings(WORKFLOWS={"peek_limit": 1}):
        assert policy().peek_limit == 1
        with override_settings(TIME_ZONE="Asia/Tokyo"):
            assert policy().peek_limit == 1
    assert policy() == before


def test_overrides_name_whose_they_are() -> None:
    base = Policy(peek_limit=7)

    assert base.overridden({}, by="workflow 'pay'") is base
    assert base.overridden({"wake_max_seconds": 99}, by="x") == Policy(
        peek_limit=7, wake_max_seconds=99
    )
    with pytest.raises(SettingsError) as refused:
        base.overridden({"lease": 1}, by="workflow 'pay'")
    assert str(refused.value) == (
        f"policy of workflow 'pay': WORKFLOWS has no key 'lease'. It has: {', '.join(KEYS)}."
    )
    with pytest.raises(SettingsError) as refused:
        base.overridden([1], by="mutator 'send'")  # type: ignore[arg-type]  # as authors may
    assert str(refused.value) == (
        "policy of mutator 'send': it must be a dict, as {\"call_timeout_seconds\": 5}, not [1]."
    )


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (8, 600), (10**6, 600)]
)
def test_backoff_doubles_up_to_its_limit(failures: int, seconds: int) -> None:
    assert Policy().backoff(failures) == timedelta(seconds=seconds)


def test_backoff_may_be_off() -> None:
    assert Policy(backoff_initial_seconds=0).backoff(9) == timedelta(0)


def test_retries_spread_over_the_last_fifth_of_the_delay() -> None:
    delays = [Policy().retry_delay(2).total_seconds() for _ in range(300)]

    assert all(16 <= delay <= 20 for delay in delays)
    assert len(set(delays)) > 1
