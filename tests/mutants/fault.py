"""What a planted fault is: a few lines of the project, and the wrong ones that replace them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Drifted(Exception):
    """The project has changed, and the fault can't be planted as it is."""


@dataclass(frozen=True)
class Fault:
    """A bug that somebody could make."""

    #: What the host does wrong with it, in plain words.
    says: str
    #: The promise that it breaks.
    breaks: str
    file: str
    #: Occurs once in the file.
    old: str
    new: str
    #: What catches it, below `tests`: `engine/test_claims.py::test_name[case]`, or a whole file.
    tests: tuple[str, ...]

    def planted(self, root: Path = ROOT) -> str:
        """Return the file's text with the fault in it. Raises Drifted."""
        path = root / self.file
        if not path.is_file():
            raise Drifted(f"{self.says}: there is no file {self.file}")
        text = path.read_text()
        if (count := text.count(self.old)) != 1:
            raise Drifted(f"{self.says}: {self.file} has the old text {count} times, not once")
        planted = text.replace(self.old, self.new)
        try:
            same = ast.dump(ast.parse(planted)) == ast.dump(ast.parse(text))
        except SyntaxError as error:
            raise Drifted(f"{self.says}: with it {self.file} is no Python: {error}") from None
        if same:
            raise Drifted(f"{self.says}: it changes nothing in {self.file}")
        return planted

    def missing_tests(self, root: Path = ROOT) -> list[str]:
        """Return the named tests that are not there."""
        return [name for name in self.tests if not _is_there(name, root)]


def _is_there(name: str, root: Path) -> bool:
    path, _, test = name.partition("::")
    # Its cases are known when it runs; one that is not there is no test then.
    test = test.partition("[")[0]
    file = root / "tests" / path
    return file.is_file() and (not test or f"\ndef {test}(" in file.read_text())
