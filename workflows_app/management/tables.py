"""Text for terminals: tables, and foreign words that can't do anything to the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from workflows_app.visible import short_line

_WIDEST = 60
#: Of the last column: nothing comes after it, and it says why.
_WIDEST_AT_LAST = 200


def plain(text: object, *, most: int = _WIDEST) -> str:
    """Return `text` on one line, at most `most` characters, with marks for what terminals obey."""
    return short_line(text, most)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return the lines of a table with aligned columns. Of the last one more is shown."""
    cells = [list(header)]
    cells += [
        [*(plain(cell) for cell in row[:-1]), plain(row[-1], most=_WIDEST_AT_LAST)] for row in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
