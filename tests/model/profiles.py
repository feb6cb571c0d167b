"""How long the model searches: `ci` by default, `nightly` by `MODEL_PROFILE=nightly`.

`ci` is deterministic: the same stories on every machine, under a minute. `nightly` draws new stories
on every run, longer ones, and keeps those that failed in `.hypothesis/` to play them first next time;
`MODEL_STORIES` says how many. A failure is printed as the shortest story that shows it.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_ANY_PACE = {
    # A story of many steps on a real database is slow, and a loaded machine slower still.
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    # One story is read at a time, and it speaks for itself.
    "phases": [Phase.reuse, Phase.generate, Phase.shrink],
    "report_multiple_bugs": False,
    "print_blob": True,
}

PROFILES = {
    "ci": settings(
        derandomize=True, database=None, max_examples=12, stateful_step_count=30, **_ANY_PACE
    ),
    "nightly": settings(
        max_examples=int(os.environ.get("MODEL_STORIES", "3000")),
        stateful_step_count=60,
        **_ANY_PACE,
    ),
}


def profile() -> settings:
    """Return the settings of the profile that the environment names."""
    return PROFILES[os.environ.get("MODEL_PROFILE", "ci")]
