"""Tells pages so that each thing is said once: a page like one before by what differs from that."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from tests.pages.reading import Page

#: A page is told as a difference if that is so much shorter.
_SHORTER = 0.8
_ROW = re.compile(r"(?:select|When: \[)[^|]*?(\d+)(?:/\])? \|")
#: By what a row leads back to the list as it was.
_BACK = re.compile(r"\?_changelist_filters=[^\]]*")


class Telling:
    """A text of several pages."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._told: dict[str, list[tuple[str, list[str]]]] = {}

    @property
    def text(self) -> str:
        return "\n".join(self._lines).strip("\n") + "\n"

    def says(self, *lines: str) -> None:
        """Add lines as they are."""
        self._lines += lines

    def heading(self, name: str) -> None:
        self.says("", f"======== {name}")

    def shows(self, name: str, page: Page, kind: str = "") -> None:
        """Add a page: the first of its kind whole, with what stands around it; others as they differ from the nearest."""
        before = self._told.setdefault(kind, [])
        nearest = max(before, key=lambda each: _in_common(each[1], page.lines), default=None)
        differs = list(difference(nearest[1], page.lines)) if nearest else []
        if nearest and len(differs) <= _SHORTER * len(page.lines):
            self.heading(f"{name}, as {nearest[0]}{' but' if differs else ''}")
            self.says(*differs)
        else:
            self.heading(name)
            self.says(*([] if before else page.frame), *page.lines)
        before.append((name, page.lines))

    def differs(self, name: str, page: Page, from_page: Page) -> None:
        """Add how a page differs from another that some text shows."""
        differs = list(difference(from_page.lines, page.lines))
        self.heading(name if differs else f"{name}: the same")
        self.says(*differs)

    def narrows(self, name: str, page: Page, all_of_it: Page) -> None:
        """Add what a list shows that shows fewer rows: what is new, and of rows that all of it has the numbers, in order."""
        self.heading(name)
        rows = {line for line in all_of_it.lines if _ROW.match(line)}
        found, links = [], set()
        for line in page.lines:
            link = _BACK.search(line)
            if _BACK.sub("", line) in rows:
                found.append(_ROW.match(line)[1])  # type: ignore[index]
                links.add(link[0] if link else "")
        others = [line for line in page.lines if _BACK.sub("", line) not in rows]
        before = [line for line in all_of_it.lines if line not in rows]
        self.says(*difference(before, others))
        if found:
            self.says(
                f"rows, each with {' or '.join(sorted(links)) or 'no filter'}: {' '.join(found)}"
            )

    def changes(self, page: Page, before: Page) -> None:
        """Add how a page has changed."""
        self.says("the page then:", *difference(before.lines, page.lines))


def difference(before: list[str], after: list[str]) -> Iterator[str]:
    """Return what is new (+), what stands in place of another line (~), and what is gone (-)."""
    for tag, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal" and j - i == m - k:
            yield from (f"~ {line}" for line in after[k:m])
        elif tag != "equal":
            yield from _gone(before[i:j])
            yield from (f"+ {line}" for line in after[k:m])


def _gone(lines: list[str]) -> Iterator[str]:
    """Return by what people know lines that some text shows whole."""
    if lines:
        more = f" … and {len(lines) - 1} more lines" if len(lines) > 1 else ""
        yield f"- {lines[0][:80]}{more}"


def _in_common(some: Iterable[str], others: Iterable[str]) -> int:
    return (Counter(some) & Counter(others)).total()
