"""What a decision took: clicks, detours, looks and seconds, from the web server's access log and the bank's.

A click is a page that was opened or a button that was pressed in the console, from home or from the last decision about
another case, whichever was later, until the decision was taken. Home is where one starts, and none; neither are files,
suggestions while one types, what a page does by itself, the page that a press leads to, and the same page once more (a
reload). What is filled in in a dialog is no click. A detour is a click after the last decision that led nowhere: the
person went home again. A look is a page of the bank or the suppliers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

#: For gunicorn's --access-logformat: time, method, status, sent by a script or not, where that leads, path.
LOG_FORMAT = "\t".join(
    ("%(t)s", "%(m)s", "%(s)s", "%({hx-request}i)s", "%({hx-redirect}o)s", "%(U)s")
)

_HOME = "/admin/"
#: A page of the console in the log. A path with a line break in it, which anybody may send, leaves two broken lines.
_LINE = re.compile(
    r"\[(\d\d/[A-Z][a-z]{2}/\d{4}(?::\d\d){3} [+-]\d{4})\]"
    rf"\t(GET|POST)\t(\d{{3}})\t([^\t]*)\t([^\t]*)\t({_HOME}.*)"
)
#: What a script asks for again, and suggestions while one types. So does the page of a run at work.
_FRESH = (_HOME, "/admin/search/")
_NO_CLICKS = re.compile(r"/admin/(login|logout|jsi18n|autocomplete)\b")
#: What the page of a run sends for once it is open.
_BY_ITSELF = re.compile(r"/admin/workflows_app/run/\d+/look/")
_PLACE = re.compile(r"/admin/workflows_app/((?:run|event)/\d+)/")


@dataclass(frozen=True)
class Hit:
    """One request of the person's browser. `place` is "run/17", if it was about one."""

    at: datetime
    is_post: bool
    is_click: bool
    place: str
    is_home: bool = False


@dataclass(frozen=True)
class Footprint:
    """What a decision took. `seconds` is None if the page was never opened."""

    clicks: int
    detours: int
    looks: int
    seconds: int | None


def read_hits(log: Path) -> list[Hit]:
    """Return the requests in the access log, whole lines only; none if there is no file yet."""
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    return list(_hits(lines))


def _hits(lines: Iterable[str]) -> Iterable[Hit]:
    follows, before = False, ""
    for found in filter(None, map(_LINE.fullmatch, lines)):
        at, method, status, by_script, leads_to, path = found.groups()
        if _BY_ITSELF.match(path):
            continue
        is_post, code = method == "POST", int(status)
        is_fragment = by_script != "-" and (path in _FRESH or path.endswith("/change/"))
        is_click = code < 400 and path != _HOME and not _NO_CLICKS.match(path) and not is_fragment
        if not is_post and not is_fragment and follows:
            is_click, follows = False, code in (301, 302)
        if not is_fragment:
            is_click, before = is_click and (is_post or path != before), path
        if is_post:
            follows = code in (302, 303) or leads_to != "-"
        place = _PLACE.match(path)
        yield Hit(
            datetime.strptime(at, "%d/%b/%Y:%H:%M:%S %z"),
            is_post,
            is_click,
            place[1] if place else "",
            is_home=path == _HOME and not is_fragment,
        )


def read_looks(log: Path) -> list[datetime]:
    """Return when pages of the bank were opened, as it writes that down; nothing if there is no file yet."""
    if not log.exists():
        return []
    lines = log.read_text(encoding="utf-8").split("\n")[:-1]
    return [datetime.fromtimestamp(float(line), UTC) for line in lines]


def footprint(
    hits: list[Hit], places: Collection[str], looks: Collection[datetime] = ()
) -> Footprint:
    """Return what the decision about these `places` took: since the last one about any other.

    Without a press on a page of theirs, as by a list or a command, all of `hits` up to now count.
    """
    presses = [index for index, hit in enumerate(hits) if hit.is_post and hit.place]
    own = [index for index in presses if hits[index].place in places]
    last = own[-1] if own else len(hits) - 1
    before = [index for index in presses if index < last and hits[index].place not in places]
    start = before[-1] + 1 if before else 0
    taken = hits[start : last + 1]
    opened = next((hit.at for hit in hits if hit.place in places and not hit.is_post), None)
    seconds = int((hits[last].at - opened).total_seconds()) if opened and hits else None
    looked = [
        at for at in looks if (not before or at >= hits[start - 1].at) and _is_by(at, hits, last)
    ]
    from_home = next((back for back, hit in enumerate(reversed(taken)) if hit.is_home), len(taken))
    before_home = taken[: len(taken) - from_home]
    detours = sum(hit.is_click for hit in before_home)
    clicks = sum(hit.is_click for hit in taken) - detours
    return Footprint(clicks, detours, len(looked), seconds)


def _is_by(at: datetime, hits: list[Hit], last: int) -> bool:
    """Tell whether something was by the time of the last press, of which whole seconds are known."""
    return not hits or at < hits[last].at + timedelta(seconds=1)
