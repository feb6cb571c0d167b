"""A fresh environment: Python, the wheel, and what the wheel says that it needs; nothing else.

What it needs is linked from the environment that runs the tests, so that nothing comes from the network.
What that does not show: that an index has those versions, and that pip would choose them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def copy_of_source(folder: Path) -> Path:
    """Copy what the repository holds into `folder`; a build leaves its traces there."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    for name in names.decode().split("\0"):
        source = ROOT / name
        if not (name.startswith(("workflows_app/", "requirements/")) or "/" not in name):
            continue
        if source.is_file() and name:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return folder


def environment(folder: Path) -> Path:
    """Make an environment with pip and the build backend; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    # Python 3.11 brings an old one along.
    for old in folder.glob("lib/python*/site-packages/*"):
        if old.name.startswith(("setuptools", "pkg_resources", "_distutils", "distutils")):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    link("setuptools>=77", into=folder)
    return folder / "bin" / "python"


def link(requirement: str, *, into: Path) -> None:
    """Link what satisfies `requirement`, and all that it needs, into the environment `into`."""
    (packages,) = into.glob("lib/python*/site-packages")
    for distribution in _needed(Requirement(requirement), set()):
        for top in {Path(str(file)).parts[0] for file in distribution.files or []}:
            source = Path(str(distribution.locate_file(top)))
            target = packages / top
            if top not in ("..", "__pycache__") and source.exists() and not target.exists():
                target.symlink_to(source)


def _needed(
    requirement: Requirement, seen: set[tuple[str, str]]
) -> Iterator[metadata.Distribution]:
    distribution = metadata.distribution(requirement.name)
    assert requirement.specifier.contains(distribution.version, prereleases=True), (
        f"{requirement} is needed, and {distribution.version} is here: `make install`"
    )
    for extra in ["", *requirement.extras]:
        if (key := (canonicalize_name(requirement.name), extra)) in seen:
            continue
        seen.add(key)
        if not extra:
            yield distribution
        for text in distribution.requires or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                yield from _needed(needed, seen)


def requirements_of_wheel(wheel: Path) -> list[Requirement]:
    """Return what the wheel needs without extras."""
    (found,) = metadata.distributions(path=[str(wheel)])
    needed = [Requirement(text) for text in found.requires or []]
    return [item for item in needed if item.marker is None or item.marker.evaluate({"extra": ""})]
