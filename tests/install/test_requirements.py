"""What is imported is declared: by the wheel for the package, by its extras for the project in `config/`.

That pip would find it is not shown: tests use no network.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.install.fresh import ROOT

OWN = {"config", "workflows_app", *sys.stdlib_module_names}
#: Loaded by name, by Django's settings or as a program.
BY_NAME = {"gunicorn", "psycopg-pool", "whitenoise"}
#: Of the embedded server, which brings them.
BROUGHT = {"fasteners", "psutil"}
#: Django's own, and what loads the plugin for tests.
ALWAYS_THERE = {"asgiref", "pytest"}


def imported(folder: str) -> Iterator[str]:
    """Yield what the modules of a folder import, by the top of its name."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0]


def declared(*names: str) -> set[str]:
    lines = [
        line.partition("#")[0].strip()
        for name in names
        for line in (ROOT / "requirements" / f"{name}.in").read_text().splitlines()
    ]
    return {canonicalize_name(Requirement(line).name) for line in lines if line}


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("workflows_app", ["package", "alerts", "login"]),
        ("config", ["package", "server", "embedded"]),
    ],
)
def test_what_is_imported_is_declared(folder: str, files: list[str]) -> None:
    of_module = metadata.packages_distributions()
    modules = {name for name in imported(folder) if name not in OWN}
    needed = {canonicalize_name(of_module[name][0]) for name in modules}

    assert needed - ALWAYS_THERE - BROUGHT - declared(*files) == set()


def test_nothing_is_declared_that_nobody_imports() -> None:
    of_module = metadata.packages_distributions()
    modules = {*imported("workflows_app"), *imported("config")} - OWN
    needed = {canonicalize_name(of_module[name][0]) for name in modules}

    assert declared("package", "server", "embedded", "alerts", "login") - needed - BY_NAME == set()
