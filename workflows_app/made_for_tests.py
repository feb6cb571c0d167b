"""Which code was written for tests, and so calls nothing outside: by the name of its module, or because pytest collects it."""

from __future__ import annotations

import sys
from typing import Any

from _pytest.assertion.rewrite import AssertionRewritingHook
from _pytest.pathlib import fnmatch_ex


def is_of_tests(module: str) -> bool:
    """Tell whether a module is of tests. A package that is called `test_orders` may be the project's own."""
    *packages, name = module.split(".")
    if {"test", "tests"} & {*packages, name} or name == "conftest" or name.startswith("test_"):
        return True
    # A project may call its tests otherwise (`python_files`). What else pytest loads, as plugins, is none for that.
    loaded: Any = sys.modules.get(module)
    hook = getattr(getattr(loaded, "__spec__", None), "loader", None)
    return isinstance(hook, AssertionRewritingHook) and any(
        fnmatch_ex(pattern, loaded.__file__) for pattern in hook.fnpats
    )
