"""`WORKFLOWS["alerts"]`: where messages go, typed and checked.

The addresses of channels hold secrets. No error here quotes one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.signals import setting_changed

from workflows_app.conf import LARGEST_NUMBER
from workflows_app.errors import SettingsError

_WHERE = "WORKFLOWS['alerts']"


@dataclass(frozen=True)
class AlertSettings:
    """Without `base_url` nobody is told anything: a message without a link helps nobody."""

    #: Where the console is, for the links: "https://workflows.example.com".
    base_url: str = ""
    #: The addresses, as apprise writes them, by the names that routes and people use.
    channels: Mapping[str, str] = field(default_factory=dict)
    #: Channels for patterns of slugs; a workflow goes to those of all that fit.
    routes: Mapping[str, list[str]] = field(default_factory=dict)
    #: Channels of the workflows that no pattern fits.
    default: list[str] = field(default_factory=list)
    #: After how long a pending event is told of, for patterns of slugs: the shortest that fits.
    oldest_pending_seconds: Mapping[str, float] = field(default_factory=dict)
    #: One message a workflow and place in this time.
    gather_seconds: float = 60.0
    #: What nobody takes or settles is told again after this long.
    repeat_seconds: float = 1_800.0
    #: How long a channel may take for one message.
    send_seconds: float = 30.0

    @property
    def are_on(self) -> bool:
        return bool(self.base_url)

    @property
    def repeat_number(self) -> int:
        """Return for which number the words for `repeat_seconds` are, in minutes: for one, or for another."""
        return 1 if self.repeat_seconds == 60 else 2

    def channels_of(self, slug: str) -> list[str]:
        """Return the channels of a workflow, each once."""
        fitting = [names for pattern, names in self.routes.items() if fnmatchcase(slug, pattern)]
        return list(dict.fromkeys(name for names in fitting or [self.default] for name in names))

    def pending_limit(self, slug: str) -> float | None:
        """Return after how many seconds a pending event of a workflow is told of, if ever."""
        limits = self.oldest_pending_seconds.items()
        return min((most for pattern, most in limits if fnmatchcase(slug, pattern)), default=None)


@lru_cache(maxsize=1)
def alert_settings() -> AlertSettings:
    """Return the settings. Raises SettingsError. Whether a channel's address can be used: `channels`."""
    configured = getattr(settings, "WORKFLOWS", {})
    found = configured.get("alerts", {}) if isinstance(configured, Mapping) else {}
    if not isinstance(found, Mapping):
        raise SettingsError(f"{_WHERE} must be a dict.")
    known = [each.name for each in fields(AlertSettings)]
    unknown = sorted(set(found) - set(known), key=str)
    if unknown:
        raise SettingsError(f"{_WHERE} has no key '{unknown[0]}'. It has: {', '.join(known)}.")
    made = AlertSettings(**found)
    _check(made)
    return made


def _check(made: AlertSettings) -> None:
    for name in ("channels", "routes", "oldest_pending_seconds"):
        given = getattr(made, name)
        if not isinstance(given, Mapping) or not all(isinstance(key, str) and key for key in given):
            raise SettingsError(f"{_WHERE}['{name}'] must be a dict with texts as its keys.")
    for name, address in made.channels.items():
        if not isinstance(address, str) or len(name) > 100:
            raise SettingsError(f"{_WHERE}['channels']['{name}'] must be an address, as a text.")
    routes = {f"['routes']['{pattern}']": names for pattern, names in made.routes.items()}
    for where, names in {**routes, "['default']": made.default}.items():
        if not isinstance(names, list | tuple):
            raise SettingsError(f"{_WHERE}{where} must be a list of the names of channels.")
        for name in names:
            if name not in made.channels:
                raise SettingsError(f"{_WHERE}{where} names {name!r}, which is no channel.")
    seconds: dict[str, Any] = {
        f"['oldest_pending_seconds']['{pattern}']": most
        for pattern, most in made.oldest_pending_seconds.items()
    }
    for name in ("gather_seconds", "repeat_seconds", "send_seconds"):
        seconds[f"['{name}']"] = getattr(made, name)
    for where, value in seconds.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 < value < math.inf:
            raise SettingsError(f"{_WHERE}{where} must be a number above 0, not {value!r}.")
        if value > LARGEST_NUMBER:
            raise SettingsError(f"{_WHERE}{where} must be {LARGEST_NUMBER:,} at most.")
    _check_base_url(made)


def _check_base_url(made: AlertSettings) -> None:
    if not isinstance(made.base_url, str):
        raise SettingsError(f"{_WHERE}['base_url'] must be an address, as a text.")
    if not made.base_url:
        if made.channels:
            raise SettingsError(
                f"{_WHERE}['base_url'] must say where the console is: messages have links."
            )
        return
    if not _is_address(made.base_url):
        raise SettingsError(
            f"{_WHERE}['base_url'] must be an address like 'https://workflows.example.com'."
        )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_bare = not parts.query and not parts.fragment and text.split() == [text]
    return is_bare and parts.scheme in ("http", "https") and bool(parts.netloc)


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "WORKFLOWS":
        alert_settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="workflows_app.alerts.settings")
