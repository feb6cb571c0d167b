"""Hosts, sites, senders and directories as the environment names them: whole, and none that means everybody.

A name that can't be one would only be found out by the first person whom it keeps out, or lets in.
"""

from __future__ import annotations

import re
from pathlib import Path

_NAME = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST = rf"({_NAME}(\.{_NAME})*|\[[0-9A-Fa-f:.]+\])"
_MAIL = r"[^@\s,<>]+@[^@\s,<>]+"
_SENDER = rf'{_MAIL}|("[^"\r\n]*" *|[^<>@,"\r\n]*)<{_MAIL}>'
HOSTS = (
    "names of hosts with commas between, as ops.example.com,.example.org: without scheme, port and path, and with"
    " * only for all hosts"
)
ORIGINS = (
    "addresses of sites with commas between, as https://ops.example.com: with their scheme, without a path, and"
    " with * for nothing but the first name of some"
)
SENDER = "the address that mails come from, as ops@example.com"
PUBLIC_DIRECTORY = "a directory of its own, as /srv/static: anybody may read what is in it, and the project must not be"


def parts(text: str) -> list[str]:
    """Return what stands between commas, without the spaces around it; a comma at the end adds nothing."""
    return [part for part in (each.strip() for each in text.split(",")) if part]


def hosts(text: str) -> list[str]:
    """Return the names of hosts; one with a point before it stands for all below it, * for all. Raises ValueError."""
    return _all(rf"\*|\.?{_HOST}", parts(text))


def origins(text: str) -> list[str]:
    """Return addresses as browsers send them in Origin. Raises ValueError."""
    return _all(rf"https?://(\*\.)?{_HOST}(:[0-9]+)?", parts(text))


def sender(text: str) -> str:
    """Return one address of mail, with or without a name. Raises ValueError."""
    (address,) = _all(_SENDER, [text.strip()])
    return address


def public_directory(text: str, private: Path) -> str:
    """Return the whole path of a directory in which `private` is not. Raises ValueError."""
    path = Path(text.strip()).absolute()
    if private.resolve().is_relative_to(path.resolve()):
        raise ValueError
    return str(path)


def _all(pattern: str, found: list[str]) -> list[str]:
    if not all(re.fullmatch(pattern, each) for each in found):
        raise ValueError
    return found
