"""The policy: what the `WORKFLOWS` setting may say, with types, defaults and checks.

`policy()` reads the setting; a workflow and a mutator may override single values by a `policy`
dict of their own, but not those that hold for all that a process does. Every name carries its unit.
An unknown name or a wrong value is an error that says which.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from workflows_app.errors import SettingsError

#: The most characters that the name of a lane has.
LANE_LENGTH = 200
#: How the lane of a producer begins: no event can be in one.
PRODUCER_LANE = "producer:"
#: What a setting or an attribute of authors may be at most: in seconds it is 30 years, which can still be added to a date.
LARGEST_NUMBER = 1_000_000_000


@dataclass(frozen=True)
class Policy:
    """Limits and delays of the host. Durations in seconds, sizes in bytes."""

    #: Attempts to reconcile one unknown outcome. The first is made at once, the last when absence is proof; of one alone
    #: the latter counts.
    reconcile_attempts: int = 5
    #: Retries of an attempt that failed as transient, before a person is needed.
    transient_retries: int = 5
    #: Retries of a run whose worker died or whose handler hung, before a person is needed.
    crash_retries: int = 3
    #: Lanes of one workflow that go side by side.
    lanes_at_once: int = 16
    #: Calls of one mutator that are under way at once in one worker; 0: as many as there are lanes. Runs that wait
    #: for them are prepared, and take no room of other workflows: as many as the worker has places at most.
    calls_at_once: int = 0
    #: Unknown outcomes in a row, over all lanes of a consumer, that open its breaker; 0: none do.
    breaker_after_unknowns: int = 5
    #: The first delay of reconciliation, of retries and of a breaker's trial; it doubles each time.
    backoff_initial_seconds: float = 10.0
    backoff_max_seconds: float = 600.0
    #: How long one outside call may take before its outcome counts as unknown.
    call_timeout_seconds: float = 30.0
    #: How long a handler may run before it counts as hung.
    handler_timeout_seconds: float = 60.0
    #: `wake_at` of an empty prepare is moved into this window from now.
    wake_min_seconds: float = 30.0
    wake_max_seconds: float = 86_400.0
    #: The most events that one `peek` returns.
    peek_limit: int = 100
    #: The most bytes of one payload, data, params, result or state, as JSON.
    json_max_bytes: int = 262_144
    # From here on (`OF_PROCESS`) no workflow and no mutator has a value of its own.
    #: How long a worker that shows no sign of life keeps its claim on a workflow.
    lease_seconds: float = 60.0
    #: How long a worker keeps an answer from outside that the database can't take, also one that was told to end.
    answer_kept_seconds: float = 600.0
    #: A worker gives a workflow back after this long, if others wait for a place.
    slice_seconds: float = 2.0
    #: How long a worker that is told to end waits for what is under way.
    stop_seconds: float = 30.0
    #: How often an idle worker looks into the queue. One that is notified of new jobs looks half as often.
    poll_seconds: float = 5.0
    #: A worker process without a heartbeat for this long is taken for dead by the queue.
    heartbeat_seconds: float = 10.0
    stalled_after_seconds: float = 30.0
    #: How long the database works at one statement of a page, a worker, a command, and of a command that
    #: reads all there is, as `doctor`; 0: as long as it takes.
    web_statement_seconds: float = 15.0
    worker_statement_seconds: float = 120.0
    command_statement_seconds: float = 300.0
    report_statement_seconds: float = 3_600.0
    #: Pages under way at once in one web process; 0: any number. One less than the process has threads
    #: keeps one for health checks.
    pages_at_once: int = 0
    #: How many proxies of yours stand before the web processes and add to X-Forwarded-For.
    proxies_in_front: int = 0
    #: How long a person stays logged in to the console without opening a page, and at most; 0: as long as
    #: Django's session lasts.
    session_idle_seconds: float = 14_400.0
    session_seconds: float = 86_400.0
    #: How long after giving the password a person may decide without giving it again; 0: always.
    password_again_seconds: float = 0.0
    #: Whether who may decide needs a second factor; with `workflows_app.login`.
    second_factor_to_decide: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "bool":
                if not isinstance(value, bool):
                    raise SettingsError(
                        f"WORKFLOWS['{field.name}'] must be true or false, not {value!r}."
                    )
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            number = number and not (isinstance(value, float) and not math.isfinite(value))
            if not number or (field.type == "int" and not isinstance(value, int)):
                kind = "a whole number" if field.type == "int" else "a number"
                raise SettingsError(f"WORKFLOWS['{field.name}'] must be {kind}, not {value!r}.")
            if value < 0 or (value == 0 and field.name not in _MAY_BE_ZERO):
                least = "0 or above" if field.name in _MAY_BE_ZERO else "above 0"
                raise SettingsError(f"WORKFLOWS['{field.name}'] must be {least}, not {value!r}.")
            if value > LARGEST_NUMBER:
                raise SettingsError(
                    f"WORKFLOWS['{field.name}'] must be {LARGEST_NUMBER:,} at most."
                )
        for low, high in _ORDERED:
            if getattr(self, low) > getattr(self, high):
                raise SettingsError(f"WORKFLOWS['{low}'] must not be above WORKFLOWS['{high}'].")

    def overridden(self, overrides: Mapping[str, Any] | None, *, by: str) -> Policy:
        """Return this policy with `overrides` in place. Raises SettingsError that names `by`."""
        if overrides is None:
            return self
        if not isinstance(overrides, Mapping):
            example = '{"call_timeout_seconds": 5}'
            raise SettingsError(
                f"policy of {by}: it must be a dict, as {example}, not {overrides!r:.100}."
            )
        if not overrides:
            return self
        try:
            for name in overrides:
                if name in OF_PROCESS:
                    raise SettingsError(f"'{name}' holds for the process: set it in WORKFLOWS.")
            return _build({**asdict(self), **overrides})
        except SettingsError as error:
            raise SettingsError(f"policy of {by}: {error}") from None

    def backoff(self, failures: int) -> timedelta:
        """Return the delay after the `failures`-th failure in a row (1, 2, ...)."""
        seconds = self.backoff_initial_seconds * 2.0 ** min(failures - 1, 60)
        return timedelta(seconds=min(seconds, self.backoff_max_seconds))

    def retry_delay(self, failures: int) -> timedelta:
        """Return `backoff` less up to a fifth by chance, so that retries spread out."""
        return self.backoff(failures) * random.uniform(0.8, 1.0)  # noqa: S311 - no secret


_NAMES = [field.name for field in fields(Policy)]
OF_PROCESS = frozenset(_NAMES[_NAMES.index("lease_seconds") :])
_MAY_BE_ZERO = {
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
#: What counts for all of a workflow, and in the policy of a mutator for nothing.
OF_WORKFLOW = frozenset(
    {
        *("crash_retries", "lanes_at_once", "breaker_after_unknowns"),
        *("wake_min_seconds", "wake_max_seconds", "peek_limit"),
    }
)
#: Keys of `WORKFLOWS` that other modules read and check: `alerts.settings`.
SECTIONS = ("alerts",)
_ORDERED = [
    ("backoff_initial_seconds", "backoff_max_seconds"),
    ("wake_min_seconds", "wake_max_seconds"),
    ("heartbeat_seconds", "stalled_after_seconds"),
]


def _build(values: Mapping[str, Any]) -> Policy:
    unknown = sorted(set(values) - set(_NAMES), key=str)
    if unknown:
        raise SettingsError(f"WORKFLOWS has no key '{unknown[0]}'. It has: {', '.join(_NAMES)}.")
    return Policy(**values)


@lru_cache(maxsize=1)
def policy() -> Policy:
    """Return the policy of the settings. Raises SettingsError."""
    configured = getattr(settings, "WORKFLOWS", {})
    if not isinstance(configured, Mapping):
        raise SettingsError("WORKFLOWS must be a dict.")
    return _build({key: value for key, value in configured.items() if key not in SECTIONS})


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "WORKFLOWS":
        policy.cache_clear()


setting_changed.connect(_forget, dispatch_uid="workflows_app.conf")
