"""The environment, read strictly: what can't be read is told by the name of its variable, never by its value.

A value may hold a password, and a misspelt one must not switch anything off: SECURE_SSL_REDIRECT=ture is no.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

from config import addresses

_ESCAPES = "In a password # is written as %23, / as %2F, ? as %3F, @ as %40, % as %25."
_DATABASE = f"is no address of a database, as postgres://user:password@host:5432/name. {_ESCAPES}"
_POSTGRES = "must be the address of a PostgreSQL database, as postgres://user:password@host:5432/name: no other will do"
_MAIL = f"is no address of a mail server, as smtp+tls://user:password@host:587. {_ESCAPES}"
#: The engines that speak to a PostgreSQL, also to one with extensions.
_ON_POSTGRES = {engine for engine in environ.Env.DB_SCHEMES.values() if "postg" in engine}
#: What the console speaks, as people call it.
_LANGUAGES = {"en-gb": "English", "de": "Deutsch"}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_NO = ("0", "false", "off", "n", "no")
#: More than anybody means: 30 years of seconds, which every clock can count.
_MOST = 1_000_000_000


class Environment(environ.Env):  # type: ignore[misc,unused-ignore]
    """Raises ImproperlyConfigured, which names the variable, for each value that is none of its kind."""

    def get_value(
        self,
        var: str,
        cast: Any = None,
        default: Any = environ.Env.NOTSET,
        parse_default: Any = False,
    ) -> Any:
        """Return a value as it is: the library takes one that begins with $ for another variable's name."""
        value = self.ENVIRON.get(var, "")
        if value.startswith("$"):
            return self.parse_value(value, cast)
        return super().get_value(var, cast, default, parse_default)

    def bool(self, var: str, default: bool) -> bool:
        """Return a yes or no. An empty variable says nothing: it must not switch off what is on."""
        found = self._read(var, lambda text: _truth(text, default), default, "must be 1 or 0")
        return bool(found)

    def int(self, var: str, default: int, *, least: int = 0, why: str = "") -> int:
        """Return a whole number that is `least` at least; `why` tells what less would mean."""

        def cast(text: str) -> int:
            return _between(int(text), least, _MOST)

        kind = f"must be a whole number from {least} to {_MOST:,}{why}"
        return int(self._read(var, cast, default, kind))

    def hosts(self, var: str, default: list[str]) -> list[str]:
        """Return names of hosts."""
        return list(self._read(var, addresses.hosts, default, f"must be {addresses.HOSTS}"))

    def origins(self, var: str) -> list[str]:
        """Return addresses of sites; none without the variable."""
        return list(self._read(var, addresses.origins, [], f"must be {addresses.ORIGINS}"))

    def sender(self, var: str, default: str) -> str:
        """Return the address that mails come from; empty is `default`."""

        def cast(text: str) -> str:
            return addresses.sender(text) if text.strip() else default

        return str(self._read(var, cast, default, f"must be {addresses.SENDER}"))

    def public_directory(self, var: str, default: str, *, private: Path) -> str:
        """Return a directory that the web may see. The one that is `private` is not in it; empty is `default`."""

        def cast(text: str) -> str:
            return addresses.public_directory(text, private) if text.strip() else default

        kind = f"must be {addresses.PUBLIC_DIRECTORY}"
        return str(self._read(var, cast, default, kind))

    def json(self, var: str, default: Any = environ.Env.NOTSET) -> Any:
        return self._read(var, json.loads, default, "must be JSON")

    def json_object(self, var: str) -> dict[str, Any]:
        """Return a JSON object; an empty one without the variable."""
        found = self.json(var, default={})
        return require_object(found, var)

    def json_objects(self, var: str) -> list[dict[str, Any]]:
        """Return a list of JSON objects; an empty one without the variable."""
        found = self.json(var, default=[])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise ImproperlyConfigured(f"{var} must be a list of JSON objects, as [{{}}]")
        return found

    def level(self, var: str, default: str) -> str:
        """Return the name of a level of the log."""
        return str(self._read(var, _level, default, f"must be of {', '.join(_LEVELS)}"))

    def zone(self, var: str, default: str) -> str:
        """Return the name of a time zone."""
        return str(self._read(var, _zone, default, "must be a time zone, as Europe/Berlin"))

    def db(self, var: str) -> dict[str, Any]:
        """Return the settings of the database that the variable has the address of."""
        # What is taken for a port may be half a password, and the library warns with all of it.
        with warnings.catch_warnings(action="ignore"):
            found = self._read(var, self.db_url_config, environ.Env.NOTSET, _DATABASE)
        engine = found.get("ENGINE")
        if engine in set(self.DB_SCHEMES.values()) - _ON_POSTGRES:
            raise ImproperlyConfigured(f"{var} {_POSTGRES}")
        has_name = bool(found.get("NAME") or found.get("OPTIONS", {}).get("service"))
        if engine not in _ON_POSTGRES or not has_name:
            raise ImproperlyConfigured(f"{var} {_DATABASE}")
        return dict(found)

    def email(self, var: str, default: str) -> dict[str, Any]:
        """Return the settings of the mail server that the variable, or `default`, has the address of."""
        return dict(self._read(var, _mail, _mail(default), _MAIL))

    def languages(self, var: str, default: str) -> list[tuple[str, str]]:
        """Return languages, each with what people call it."""
        kind = f"must be of {', '.join(_LANGUAGES)}"
        return list(self._read(var, _languages, _languages(default), kind))

    def _read(self, var: str, cast: Callable[[str], Any], default: Any, kind: str) -> Any:
        try:
            return self.get_value(var, cast=cast, default=default)
        except (ValueError, KeyError, OSError, RecursionError) as error:
            where = f": {error.msg}" if isinstance(error, json.JSONDecodeError) else ""
            raise ImproperlyConfigured(f"{var} {kind}{where}") from None


def require_object(found: Any, name: str) -> dict[str, Any]:
    """Return `found`, which `name` says. Raises ImproperlyConfigured if it is no JSON object."""
    if not isinstance(found, dict):
        raise ImproperlyConfigured(f"{name} must be a JSON object, as {{}}")
    return found


def _between(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise ValueError
    return number


def _truth(text: str, default: bool) -> bool:
    word = text.strip().lower()
    if not word:
        return default
    if word in environ.Env.BOOLEAN_TRUE_STRINGS:
        return True
    if word in _NO:
        return False
    raise ValueError


def _mail(address: str) -> dict[str, Any]:
    if address.partition(":")[0] not in Environment.EMAIL_SCHEMES:
        raise ValueError
    return dict(Environment.email_url_config(address))


def _languages(text: str) -> list[tuple[str, str]]:
    codes = dict.fromkeys(each.strip() for each in text.split(","))
    return [(code, _LANGUAGES[code]) for code in codes]


def _level(name: str) -> str:
    if name not in _LEVELS:
        raise ValueError
    return name


def _zone(name: str) -> str:
    ZoneInfo(name)
    return name
