"""Text for terminals: tables, and foreign words that can't do anything to the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from workflows_app.visible import short_line

_WIDEST = 60


def plain(text: object, *, most: int = _WIDEST) -> str:
    """Return `text` on one line, at most `most` characters, with marks for what terminals obey."""
    return short_line(text, most)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return the lines of a table with aligned columns."""
    cells = [list(header), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
