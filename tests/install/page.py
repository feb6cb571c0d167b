"""What `docs/install.md` tells a newcomer to do: its commands, and what to write into files."""

from __future__ import annotations

import re

from tests.install.fresh import ROOT

_TEXT = (ROOT / "docs" / "install.md").read_text()


def commands(heading: str) -> list[list[str]]:
    """Return the blocks of commands under a heading, each a list of lines."""
    blocks = re.findall(r"```sh\n(.*?)```", _section(heading), re.S)
    return [block.strip().splitlines() for block in blocks]


def python_of(heading: str) -> list[str]:
    """Return the Python blocks under a heading."""
    found: list[str] = re.findall(r"```python\n(.*?)```", _section(heading), re.S)
    return found


def _section(heading: str) -> str:
    (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", _TEXT, re.M | re.S)
    return str(section)


def files() -> dict[str, str]:
    """Return the Python blocks by the path in their first line."""
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", _TEXT, re.S)
    return dict(blocks)
