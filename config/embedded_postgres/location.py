"""Where the embedded server keeps its files, and whether its user can get there.

Run by root, PostgreSQL works as a user of its own. The library would open every directory on the way
to all users of the machine; this project looks for another place instead.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

_OPEN_TO_ALL = stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH
#: What the strictest supported system allows for the address of a socket, in bytes.
_SOCKET_PATH_LIMIT = 103


def default_directory(base_dir: Path) -> Path:
    """Return the directory for the server of the project in `base_dir`.

    It is `var/postgres` there, unless the server could not work in it. Then it lies outside, one
    for each user and copy of the project.
    """
    inside = base_dir / "var" / "postgres"
    if _is_ours_to_write(inside) and has_room_for_socket(inside) and is_open(inside):
        return inside
    digest = hashlib.sha256(os.fsencode(base_dir)).hexdigest()[:12]
    return Path("/var/tmp") / f"workflow-operations-{_user()}-{digest}"  # noqa: S108


def data_directory(directory: Path) -> Path:
    """Return the place of the server's data, and of its socket, in `directory`."""
    return directory / "data"


def has_room_for_socket(directory: Path) -> bool:
    """Tell whether a socket in `directory` has an address that the system accepts."""
    return len(os.fsencode(data_directory(directory) / ".s.PGSQL.5432")) <= _SOCKET_PATH_LIMIT


def is_open(path: Path) -> bool:
    """Tell whether the server's user can get to `path`; only root's server has another user."""
    if _user() != 0:
        return True
    return all(
        parent.stat().st_mode & _OPEN_TO_ALL == _OPEN_TO_ALL
        for parent in path.parents
        if parent.is_dir()
    )


def is_ours(path: Path) -> bool:
    """Tell whether `path` belongs to the user of this process."""
    return path.stat().st_uid == _user()


def make(path: Path) -> None:
    """Make the directory `path` and its missing parents, open to all whatever the umask is."""
    if not path.exists():
        make(path.parent)
        path.mkdir(exist_ok=True)
        path.chmod(0o755)


def _is_ours_to_write(path: Path) -> bool:
    if path.exists():
        return is_ours(path)
    existing = next(parent for parent in path.parents if parent.exists())
    return os.access(existing, os.W_OK | os.X_OK)


def _user() -> int:
    # Where users have no numbers, all files belong to number 0.
    return os.geteuid() if hasattr(os, "geteuid") else 0
