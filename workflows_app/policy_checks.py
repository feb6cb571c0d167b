"""System checks of a policy that can be used and does harm: with a stable id, the problem and the remedy.

Tests shorten what people would wait for: so nothing here refuses, and a deployment is where it is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning, register

from workflows_app.conf import Policy, policy
from workflows_app.errors import SettingsError

_BUSY = "workers that have nothing to do keep the database busy"
_LONG = "what a dead worker held waits that long for another"
_OUT = "people are logged out while they read"
#: From where to where a value makes sense, and what follows outside; 0 where it means "never" is no matter.
_SENSIBLE: dict[str, tuple[float, float, str, str]] = {
    "lease_seconds": (5, 3_600, "a worker that pauses for a moment loses what it does", _LONG),
    "heartbeat_seconds": (1, 3_600, _BUSY, _LONG),
    "stalled_after_seconds": (5, 3_600, "a worker that pauses for a moment counts as dead", _LONG),
    "poll_seconds": (0.5, 600, _BUSY, "new work waits that long where nobody is told of it"),
    "call_timeout_seconds": (1, 86_400, "most outcomes are unknown", "a lost call holds its lane"),
    "handler_timeout_seconds": (
        1,
        86_400,
        "handlers that do their work count as hung",
        "one that hangs holds its lane",
    ),
    "answer_kept_seconds": (
        30,
        86_400,
        "an answer is lost when the database fails over, and its outcome unknown",
        "a worker that is cut off keeps it that long",
    ),
    "json_max_bytes": (
        1_024,
        2**26,
        "hardly any payload is taken",
        "a few payloads take the room of a worker",
    ),
    "session_idle_seconds": (300, 2_592_000, _OUT, "a session that somebody left open stays so"),
    "session_seconds": (300, 2_592_000, _OUT, "a session that somebody left open stays so"),
    "web_statement_seconds": (1, 300, "pages are stopped", "one page may keep the database busy"),
    "peek_limit": (1, 10_000, "", "one handler reads more than a worker has room for"),
    "lanes_at_once": (1, 10_000, "", "one workflow takes the room of all others"),
    "proxies_in_front": (
        0,
        9,
        "",
        "where there are fewer, all people seem to come from the last one",
    ),
}


@register(deploy=True)
def check_policy(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W004: a value of `WORKFLOWS` can be used, and does harm."""
    try:
        told = list(_harm(policy()))
    except SettingsError:
        return []
    return [
        Warning(
            f"WORKFLOWS['{name}'] is {getattr(policy(), name):,.10g}: {why}.",
            hint=f"Leave it out ({getattr(Policy(), name):,.10g}), or choose {remedy}.",
            id="workflows_app.W004",
        )
        for name, why, remedy in told
    ]


def _harm(asked: Policy) -> Iterator[tuple[str, str, str]]:
    for name, (least, most, below, above) in _SENSIBLE.items():
        value = getattr(asked, name)
        if value and value < least:
            yield name, below, f"{least:,.10g} or more"
        elif value > most:
            yield name, above, f"{most:,.10g} or less"
    twice = 2 * asked.heartbeat_seconds
    if asked.stalled_after_seconds < twice:
        late = "a worker that is late with one sign of life counts as dead"
        yield "stalled_after_seconds", late, f"{twice:,.10g} or more, twice heartbeat_seconds"
    if not asked.backoff_initial_seconds:
        yield "backoff_initial_seconds", "an outage of a moment uses up all attempts", "1 or more"
