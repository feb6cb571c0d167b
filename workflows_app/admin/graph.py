"""The story of a row as pages show it: a graph that the server draws, and a timeline of the same.

The graph is SVG with links, and needs no script. What came of something stands to the right of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy

from workflows_app.admin.base import address_of
from workflows_app.admin.labels import css_state, state_with
from workflows_app.admin.seeing import may_see, shown
from workflows_app.admin.visible import visible
from workflows_app.models import Event, Input, Mutation, OperatorAction, Run
from workflows_app.queries.story import KINDS, Key, happened_at, key_of, story_of

#: The most boxes of one kind in the graph, and lines in the timeline.
BOXES_SHOWN = 12
LINES_SHOWN = 60
#: The size of a box, and how far the boxes are from each other.
WIDTH, HEIGHT, GAP_X, GAP_Y = 176, 46, 44, 12
_LABEL_LENGTH = 24


@dataclass(frozen=True)
class Box:
    """One row in the graph, at its place."""

    kind: str
    label: str
    status: str
    #: Its status as a part of a CSS class.
    state: str
    address: str
    x: int
    y: int
    is_root: bool


@dataclass(frozen=True)
class Line:
    """One line of the timeline."""

    at: datetime
    kind: str
    label: str
    status: str
    #: Its status as a part of a CSS class.
    state: str
    address: str


@dataclass(frozen=True)
class Drawn:
    """What the template shows of a story."""

    boxes: list[Box]
    #: The paths of the arrows.
    arrows: list[str]
    width: int
    height: int
    #: The newest: what became of it.
    lines: list[Line]
    #: How many there are from before those.
    lines_before: int
    #: What is left out, in words: “12 more runs”.
    more: list[str]
    #: What the graph shows, in a sentence.
    sentence: str


def drawn(root: Model) -> Drawn:
    """Return the story of `root` as far as the person may see it."""
    story = story_of(root)
    rows = [shown(row) for row in story.rows if may_see(type(row))]
    effects = _Effects([row for row in story.rows if isinstance(row, Mutation)])
    drawn_rows, left_out = _within_limit(rows)
    columns = _columns(drawn_rows, story.edges)
    places: dict[Key, tuple[int, int]] = {}
    used: Counter[int] = Counter()
    for row in drawn_rows:
        column = columns[key_of(row)]
        x, y = column * (WIDTH + GAP_X) + 2, used[column] * (HEIGHT + GAP_Y) + 2
        places[key_of(row)] = (x, y)
        used[column] += 1
    boxes = [
        _box(row, _told(row, effects), *places[key_of(row)], row == story.root)
        for row in drawn_rows
    ]
    lines = sorted((_line(row, _told(row, effects)) for row in rows), key=lambda line: line.at)
    more = [_more(kind, left_out[kind], kind.__name__ in story.is_cut) for kind in left_out]
    counted = Counter(type(row) for row in drawn_rows)
    told = [_count(kind, counted[kind]) for kind in KINDS if counted[kind]]
    return Drawn(
        boxes=boxes,
        arrows=[
            _arrow(places[a], places[b]) for a, b in story.edges if a in places and b in places
        ],
        width=max((box.x for box in boxes), default=0) + WIDTH + 2,
        height=max((box.y for box in boxes), default=0) + HEIGHT + 2,
        lines=lines[-LINES_SHOWN:],
        lines_before=max(0, len(lines) - LINES_SHOWN),
        more=more,
        sentence=_("From left to right: %(rows)s.") % {"rows": ", ".join(told)},
    )


def _within_limit(rows: list[Any]) -> tuple[list[Any], dict[type[Model], int]]:
    """Return the rows that get a box, the oldest of each kind, and how many others there are of it."""
    kept_of_all: list[Any] = []
    left_out: dict[type[Model], int] = {}
    for kind in KINDS:
        of_kind = [row for row in rows if type(row) is kind]
        kept_of_all += of_kind[:BOXES_SHOWN]
        if len(of_kind) > BOXES_SHOWN:
            left_out[kind] = len(of_kind) - BOXES_SHOWN
    return kept_of_all, left_out


def _columns(rows: list[Any], edges: list[tuple[Key, Key]]) -> dict[Key, int]:
    """Return in which column each row stands: right of all that it came of."""
    column = {key_of(row): 0 for row in rows}
    within = [(a, b) for a, b in edges if a in column and b in column]
    # Every step settles at least one more; what came of itself would go on for ever.
    for _step in column:
        moved = False
        for before, after in within:
            if column[after] <= column[before] < len(column):
                column[after], moved = column[before] + 1, True
        if not moved:
            break
    used = {number: place for place, number in enumerate(sorted(set(column.values())))}
    return {key: used[number] for key, number in column.items()}


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1 = start[0] + WIDTH, start[1] + HEIGHT // 2
    x2, y2 = end[0] - 2, end[1] + HEIGHT // 2
    bend = GAP_X // 2
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


def _box(row: Any, told: tuple[str, str, str, str], x: int, y: int, is_root: bool) -> Box:
    kind, label, status, state = told
    short = label if len(label) <= _LABEL_LENGTH else f"{label[: _LABEL_LENGTH - 1]}…"
    return Box(kind, short, status, state, address_of(row), x, y, is_root)


def _line(row: Any, told: tuple[str, str, str, str]) -> Line:
    kind, label, status, state = told
    return Line(happened_at(row), kind, label, status, state, address_of(row))


class _Effects:
    """The outside effects of a story, to find that of a run without a query."""

    def __init__(self, effects: Iterable[Mutation]) -> None:
        self._by_run, self._by_key = {}, {}
        for effect in effects:
            self._by_run[effect.run_id] = self._by_key[effect.pk] = effect

    def of(self, run: Run) -> Mutation | None:
        """Return its own, or the one that it carries, if the story has it."""
        carried = run.carried_mutation_id
        own = self._by_run.get(run.pk)
        return own if own is not None or carried is None else self._by_key.get(carried)


def _told(row: Any, effects: _Effects) -> tuple[str, str, str, str]:
    """Return what it is, how it is called, and how it stands, in words and as a part of a CSS class."""
    if isinstance(row, Input):
        return _("input"), visible(row, 200), "", ""
    if isinstance(row, Event):
        label = visible(f"{row.topic.name} {row.message_id}", 200)
        return _("event"), label, row.get_status_display(), css_state(row)
    if isinstance(row, Run):
        label = visible(row.title or str(row.pk), 200)
        state, status = state_with(row, effects.of(row))
        return _("run"), label, status, state
    if isinstance(row, Mutation):
        return _("effect"), visible(row, 200), row.get_status_display(), css_state(row)
    assert isinstance(row, OperatorAction)
    return _("decision"), visible(row, 200), "", ""


def _count(kind: type[Model], number: int) -> str:
    return str(_COUNTED[kind] % {"number": number})


def _more(kind: type[Model], number: int, is_cut: bool) -> str:
    return str((_OR_MORE if is_cut else _LEFT_OUT)[kind] % {"number": number})


_COUNTED: dict[type[Model], Any] = {
    Input: ngettext_lazy("%(number)s input", "%(number)s inputs", "number"),
    Event: ngettext_lazy("%(number)s event", "%(number)s events", "number"),
    Run: ngettext_lazy("%(number)s run", "%(number)s runs", "number"),
    Mutation: ngettext_lazy("%(number)s outside effect", "%(number)s outside effects", "number"),
    OperatorAction: ngettext_lazy("%(number)s decision", "%(number)s decisions", "number"),
}
_LEFT_OUT: dict[type[Model], Any] = {
    Input: ngettext_lazy("and %(number)s more input", "and %(number)s more inputs", "number"),
    Event: ngettext_lazy("and %(number)s more event", "and %(number)s more events", "number"),
    Run: ngettext_lazy("and %(number)s more run", "and %(number)s more runs", "number"),
    Mutation: ngettext_lazy(
        "and %(number)s more outside effect", "and %(number)s more outside effects", "number"
    ),
    OperatorAction: ngettext_lazy(
        "and %(number)s more decision", "and %(number)s more decisions", "number"
    ),
}
_OR_MORE: dict[type[Model], Any] = {
    Input: ngettext_lazy("and %(number)s or more input", "and %(number)s or more inputs", "number"),
    Event: ngettext_lazy("and %(number)s or more event", "and %(number)s or more events", "number"),
    Run: ngettext_lazy("and %(number)s or more run", "and %(number)s or more runs", "number"),
    Mutation: ngettext_lazy(
        "and %(number)s or more outside effect", "and %(number)s or more outside effects", "number"
    ),
    OperatorAction: ngettext_lazy(
        "and %(number)s or more decision", "and %(number)s or more decisions", "number"
    ),
}
