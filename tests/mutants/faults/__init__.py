"""All planted faults, from the texts beside this file, by where in a run's life they do harm.

A text is paragraphs: the promise that a fault breaks and what the host does wrong, the file that it is planted
`in`, its lines as they are (`-`) and with the fault (`+`), and the tests that it is to be caught `by`. The first
line may begin, and the last one end, in the middle of a line of the file.
"""

from __future__ import annotations

from pathlib import Path

from tests.mutants.fault import Fault


def read(paragraph: str) -> Fault:
    """Return the fault that is told in a paragraph."""
    told, *lines = paragraph.strip().split("\n")
    breaks, says = told.split(" ", 1)
    texts: dict[str, list[str]] = {"in ": [], "-": [], "+": [], "by ": []}
    for line in lines:
        mark = next(mark for mark in texts if line.startswith(mark))
        texts[mark].append(line.removeprefix(mark))
    (file,) = texts["in "]
    old, new = ("\n".join(texts[mark]) for mark in "-+")
    return Fault(says, breaks, file, old, new, tuple(texts["by "]))


FAULTS = [
    read(paragraph)
    for text in sorted(Path(__file__).parent.glob("*.txt"))
    for paragraph in text.read_text().split("\n\n")[1:]
]
