"""The `WORKFLOWS` setting: typed, checked, and read anew when a test changes it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from pytest_django import Settings

from workflows_app.conf import Policy, policy
from workflows_app.errors import SettingsError

KEYS = [field.name for field in dataclasses.fields(Policy)]
WHOLE = [field.name for field in dataclasses.fields(Policy) if field.type == "int"]
TRUTHS = [field.name for field in dataclasses.fields(Policy) if field.type == "bool"]
FRACTIONS = [key for key in KEYS if key not in [*WHOLE, *TRUTHS]]
MAY_BE_ZERO = {
    "transient_retries",
    "crash_retries",
    "calls_at_once",
    "breaker_after_unknowns",
    "backoff_initial_seconds",
    "wake_min_seconds",
    "web_statement_seconds",
    "worker_statement_seconds",
    "command_statement_seconds",
    "report_statement_seconds",
    "pages_at_once",
    "proxies_in_front",
    "session_idle_seconds",
    "session_seconds",
    "password_again_seconds",
}


def error_of(settings: Settings, configured: Any) -> str:
    settings.WORKFLOWS = configured
    with pytest.raises(SettingsError) as refused:
        policy()
    return str(refused.value)


def test_the_defaults_are_those_of_the_design() -> None:
    assert dataclasses.asdict(Policy()) == {
        "reconcile_attempts": 5,
        "transient_retries": 5,
        "crash_retries": 3,
        "lanes_at_once": 16,
        "calls_at_once": 0,
        "breaker_after_unknowns": 5,
        "backoff_initial_seconds": 10.0,
        "backoff_max_seconds": 600.0,
        "call_timeout_seconds": 30.0,
        "handler_timeout_seconds": 60.0,
        "wake_min_seconds": 30.0,
        "wake_max_seconds": 86_400.0,
        "peek_limit": 100,
        "json_max_bytes": 262_144,
        "lease_seconds": 60.0,
        "answer_kept_seconds": 600.0,
        "slice_seconds": 2.0,
        "stop_seconds": 30.0,
        "poll_seconds": 5.0,
        "heartbeat_seconds": 10.0,
        "stalled_after_seconds": 30.0,
        "web_statement_seconds": 15.0,
        "worker_statement_seconds": 120.0,
        "command_statement_seconds": 300.0,
        "report_statement_seconds": 3_600.0,
        "pages_at_once": 0,
        "proxies_in_front": 0,
        "session_idle_seconds": 14_400.0,
        "session_seconds": 86_400.0,
        "password_again_seconds": 0.0,
        "second_factor_to_decide": False,
    }


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


def test_an_unknown_key_is_told_the_known_ones(settings: Settings) -> None:
    assert error_of(settings, {"peek_limits": 5, "peek_limit": 5}) == (
        f"WORKFLOWS has no key 'peek_limits'. It has: {', '.join(KEYS)}."
    )
    assert error_of(settings, {"zz": 1, 5: 1}).startswith("WORKFLOWS has no key '5'. It has: ")


@pytest.mark.parametrize("configured", [None, [("peek_limit", 5)], "peek_limit=5"])
def test_the_setting_is_a_dict(settings: Settings, configured: Any) -> None:
    assert error_of(settings, configured) == "WORKFLOWS must be a dict."


@pytest.mark.parametrize("value", ["5", None, True, [5], 1.5, 2.0])
def test_a_number_of_things_is_whole(settings: Settings, value: Any) -> None:
    assert {key: error_of(settings, {key: value}) for key in WHOLE} == {
        key: f"WORKFLOWS['{key}'] must be a whole number, not {value!r}." for key in WHOLE
    }


@pytest.mark.parametrize("value", ["5", None, False, timedelta(1), float("nan"), float("inf")])
def test_seconds_are_a_number(settings: Settings, value: Any) -> None:
    assert {key: error_of(settings, {key: value}) for key in FRACTIONS} == {
        key: f"WORKFLOWS['{key}'] must be a number, not {value!r}." for key in FRACTIONS
    }


@pytest.mark.parametrize("value", ["yes", 1, 0, None])
def test_yes_or_no_is_said_as_true_or_false(settings: Settings, value: Any) -> None:
    assert {key: error_of(settings, {key: value}) for key in TRUTHS} == {
        key: f"WORKFLOWS['{key}'] must be true or false, not {value!r}." for key in TRUTHS
    }


def test_nothing_is_negative_and_little_is_zero(settings: Settings) -> None:
    for key in [*WHOLE, *FRACTIONS]:
        assert error_of(settings, {key: -1}) == f"WORKFLOWS['{key}'] must be above 0, not -1."
        settings.WORKFLOWS = {key: 0}
        if key in MAY_BE_ZERO:
            assert getattr(policy(), key) == 0
        else:
            assert error_of(settings, {key: 0}) == f"WORKFLOWS['{key}'] must be above 0, not 0."


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("backoff_initial_seconds", "backoff_max_seconds"),
        ("wake_min_seconds", "wake_max_seconds"),
        ("heartbeat_seconds", "stalled_after_seconds"),
    ],
)
def test_a_lower_bound_is_not_above_its_upper_one(settings: Settings, low: str, high: str) -> None:
    assert error_of(settings, {low: 5.1, high: 5}) == (
        f"WORKFLOWS['{low}'] must not be above WORKFLOWS['{high}']."
    )
    settings.WORKFLOWS = {low: 5, high: 5}
    assert getattr(policy(), low) == getattr(policy(), high)


def test_overrides_name_whose_they_are() -> None:
    base = Policy(peek_limit=7)

    assert base.overridden({}, by="workflow 'pay'") is base
    assert base.overridden({"lease_seconds": 1}, by="x") == Policy(peek_limit=7, lease_seconds=1)
    with pytest.raises(SettingsError) as refused:
        base.overridden({"lease": 1}, by="workflow 'pay'")
    assert str(refused.value) == (
        f"policy of workflow 'pay': WORKFLOWS has no key 'lease'. It has: {', '.join(KEYS)}."
    )
    with pytest.raises(SettingsError) as refused:
        base.overridden([1], by="mutator 'send'")  # type: ignore[arg-type]  # as authors may
    assert str(refused.value) == "policy of mutator 'send': it must be a dict."


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


def test_the_call_timeout_is_also_a_duration() -> None:
    assert Policy(call_timeout_seconds=1.5).call_timeout == timedelta(seconds=1.5)
