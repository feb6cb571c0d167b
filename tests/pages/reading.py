"""A page as a plain text: all that a person sees, presses, or hears of, and where it leads. No looks, but colours of states.

A row of a table, a field with its value, and what was tried once stand on a line each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

_UNSEEN = {"script", "style", "kbd", "head", "noscript", "marker"}
_VOID = {"input", "img", "br", "hr", "meta", "link", "source", "wbr"}
_ON_A_LINE = {"a", "b", "bdi", "code", "em", "i", "label", "small", "span", "strong", "time", "button", "summary", "br", "wbr", "input", "select", "option", "dd", "text", "rect", "path"}  # fmt: skip
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_TOLD = ("title", "aria-label", "aria-current", "role", "target", "hx-get", "hx-post", "hx-trigger", "hx-select", "hx-target", "lang", "data-waits")  # fmt: skip
_ROLES = ("alert", "status", "search")
_FIELD = ("type", "name", "value", "placeholder", "formaction", "autocomplete", "min", "max", "maxlength")  # fmt: skip
_FLAGS = ("checked", "selected", "required", "disabled", "readonly", "autofocus", "open", "novalidate")  # fmt: skip
_STATES = re.compile(r"ops-(?:state|late|node)-[\w-]+|ops-(?:alert|warning|agrees|calm|button-primary)\b|bg-(?:red|green|blue|orange)-100")  # fmt: skip
#: What differs from one page to the next, and tells nobody anything.
_NOISE = {"csrfmiddlewaretoken"}
_SYMBOL = "material-symbols-outlined"
#: The theme's own, on every page; and what each filter offers, which another text shows with what it finds.
_CHROME = re.compile(
    r"hx-get='/admin/search/\?extended=1'|\[ -> #\]|1? ?results? in |form post novalidate$|- \[ [^]]* -> \?[^]]*\] title="
)
#: What may be chosen in a list: all of it stands on a line.
_CHOICE = re.compile(r"- \[[^]]* -> \?|### By |<input type='text' name='\w+_(from|to)_\d'")
#: What stands around a page: the way back, where it is in the house, its history.
_FRAME = re.compile(r"\[ -> [^]]*\] title=|# \[ |- \[ (History|Geschichte) -> ")
_VALUE = re.compile(r"title='([^']*)' ([^;|:]+?) :(?= )")


def _instant(found: re.Match[str]) -> str:
    """Return a moment of which the tip tells the same in UTC, in short; else what stands there."""
    said = datetime.strptime(f"{found[1]} {found[2]}", "%Y-%m-%d %H:%M:%S %z")
    is_same = f"{said.astimezone(UTC):%Y-%m-%d %H:%M:%S}.000" == found[3]
    return f"{found[1]} {found[2]}*" if is_same else found[0]


#: What is as it always is, in short.
_SHORT: list[tuple[re.Pattern[str], Any]] = [
    (re.compile(pattern), short)
    for pattern, short in (
        (r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ([+-]\d{4}) title='([^']*) UTC' data-ops-when", _instant),
        (r"<button type='button' aria-label='([^']*)' data-ops-copy='([^']*)' data-ops-done='Copied' data-ops-failed='Not copied: mark it by hand'> Copy data-ops-copied </button>", r"(\1: \2)"),
        (r"\[([^]]*) -> ([^]]*)\] hx-get='\2' hx-select='#dialog' hx-target='#modal-content' data-ops-key=['\"]\1['\"]", r"[\1 -> dialog \2]"),
        (r"Select record: <input type='checkbox' name='_selected_action' value='(\d+)' aria-label='Select record'>", r"select \1"),
        (r"title='(True|False)' <bg-(red|green)-100>", r"\1 (\2)"),
        (r"/admin/workflows_app/", "~/"),
    )
]  # fmt: skip


class _Reader(HTMLParser):
    def __init__(self, begin: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._begin, self._is_in = begin, not begin
        self._line, self._depth_in_row, self._skipping, self._keeps = "", 0, "", 0
        self._depth = 0
        #: Of each element that is open: its tag, what stands after it, and whether it is a line of its own.
        self._ends: list[tuple[str, str, bool]] = []
        self._values = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._skipping:
            self._depth += tag == self._skipping
            return
        if not self._is_in:
            self._is_in = given.get("id") == self._begin
            return
        if tag in _UNSEEN or _SYMBOL in given.get("class", "").split():
            if tag not in _VOID:
                self._skipping, self._depth = tag, 1
            return
        is_row = self._is_row(tag, given.get("class", ""))
        is_row_of_all = is_row and not self._depth_in_row
        if is_row_of_all or (
            (tag not in _ON_A_LINE or tag in ("br", "pre")) and not self._depth_in_row
        ):
            self._flush()
        self._keeps += tag == "pre" and not self._depth_in_row
        self._depth_in_row += is_row
        self._values += tag == "table" and is_row
        if self._depth_in_row and tag not in _ON_A_LINE:
            self._line += " "
        if tag in ("td", "th") and self._line.strip():
            self._line += " | " if not self._values else "; " if tag == "th" else ": "
        before, after = _told(tag, given)
        self._line += before
        if tag not in _VOID:
            self._ends.append((tag, after, is_row))
        else:
            self._line += after

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            self._depth -= tag == self._skipping
            if self._depth == 0:
                self._skipping = ""
            return
        if not self._is_in or tag in _VOID:
            return
        is_row = False
        if any(name == tag for name, _, _ in self._ends):
            while True:
                name, after, was_row = self._ends.pop()
                self._depth_in_row -= was_row
                self._values -= was_row and name == "table"
                if name == tag:
                    self._line += after
                    is_row = was_row
                    break
        self._keeps -= tag == "pre" and self._keeps > 0
        if tag == "label" and self._depth_in_row:
            self._line += ": "
        if (is_row or tag not in _ON_A_LINE | {"dt"}) and not self._depth_in_row:
            self._flush()

    def _is_row(self, tag: str, classes: str) -> bool:
        """Tell whether an element is shown on a line, with all that is in it."""
        if tag == "li":
            return any(after.endswith(_TRIED) for _, after, _ in self._ends)
        if tag == "a":
            return "ops-node" in classes
        return tag == "tr" or "field-line" in classes or "ops-values" in classes

    def handle_data(self, data: str) -> None:
        if self._is_in and not self._skipping:
            if self._keeps:
                *whole, rest = data.split("\n")
                for line in whole:
                    self.lines.append(f"    {self._line}{line}".rstrip())
                    self._line = ""
                self._line += rest
            else:
                self._line += re.sub(r"[ \t\r\n]+", " ", data)

    def _flush(self) -> None:
        line = self._line.replace(_TRIED, "")
        line = re.sub(r" +", " ", line).strip() if not self._keeps else f"    {line}"
        if line.strip(" #|;:"):
            self.lines.append(line)
        self._line = ""


#: Marks the list of what was tried.
_TRIED = "\0"


def _told(tag: str, given: dict[str, str]) -> tuple[str, str]:
    """Return what stands before and after the content of an element."""
    if given.get("name") in _NOISE:
        return "", ""
    told = [f"{name}={given[name]!r}" for name in _TOLD if given.get(name) and (name != "role" or given[name] in _ROLES)]  # fmt: skip
    told += [f"{name}={value!r}" if value else name for name, value in given.items() if name.startswith("data-ops-")]  # fmt: skip
    told += ["(hidden)"] if "hidden" in given and tag != "input" else []
    colours = _STATES.findall(given.get("class", ""))
    told += [f"<{' '.join(dict.fromkeys(colours))}>"] if colours else []
    after = f" {' '.join(told)}" if told else ""
    flags = "".join(f" {name}" for name in _FLAGS if name in given)
    match tag:
        case "ol" if "ops-tried" in given.get("class", ""):
            return "", _TRIED
        case "path":
            return (f" arrow {given['d']}" if given.get("class") == "ops-edge" else ""), ""
        case "rect":
            return f" at {given.get('x')},{given.get('y')} ", ""
        case "text":
            return " ", " /"
        case "a":
            return "[", f" -> {given.get('href', '')}]{after}"
        case "input" | "textarea" | "select" | "button":
            shown = "".join(f" {name}={given[name]!r}" for name in _FIELD if name in given)
            return f" <{tag}{shown}{flags}{after}> ", " </button>" if tag == "button" else ""
        case "option":
            return f" ({'*' if 'selected' in given else ''}{given.get('value', '')}: ", ")"
        case "form":
            return f"form {given.get('method', '')} {given.get('action', '')}{flags}{after}", ""
        case "canvas":
            return f"chart {given.get('data-type', '')} {given.get('data-value', '')}", ""
        case "li":
            return f"- {after.strip()} " if after else "- ", ""
        case "dd":
            return ": ", f"{after} "
        case "img":
            return f"image {given.get('alt', '')} {given.get('src', '')}", after
    label = given.get("data-label")
    before = _HEADINGS.get(tag, "") + (f"{label}: " if label else "")
    if tag in _ON_A_LINE:
        return before, f"{flags}{after}"
    return f"{before}{f'{flags}{after} '.lstrip()}", ""


@dataclass(frozen=True)
class Page:
    """What an answer shows."""

    #: What stands around it.
    frame: list[str]
    lines: list[str]


def page_of_answer(answer: Any, begin: str = "main") -> Page:
    """Return what an answer shows from the element with the id `begin`, or else from its main part; without one, all of it."""
    shown = answer.content.decode()
    title = re.search(r"<title>(.*?)</title>", shown, re.DOTALL)
    frame = [" ".join(title[1].split())] if title else []
    lines = [] if answer.status_code == 200 else [f"{answer.status_code} {answer.headers.get('Location', '')}".strip()]  # fmt: skip
    found = next((each for each in (begin, "main") if begin and f'id="{each}"' in shown), "")
    if not found:
        lines, frame = [*lines, *frame], []
    reader = _Reader(found)
    reader.feed(shown[shown.rfind("<", 0, shown.index(f'id="{found}"')) :] if found else shown)
    reader.close()
    reader._flush()
    for line in reader.lines:
        if found and _FRAME.match(line):
            frame.append(_in_short(line))
        elif not _CHROME.search(line):
            short = _in_short(line)
            if lines and _CHOICE.match(short) and _CHOICE.match(lines[-1]):
                lines[-1] += f" {short}"
            else:
                lines.append(short)
    return Page(frame, lines)


def _in_short(line: str) -> str:
    for pattern, short in _SHORT:
        line = pattern.sub(short, line)
    return _VALUE.sub(_value, line).replace(" ; ", "; ").replace(" : ", ": ")


def _value(found: re.Match[str]) -> str:
    """Return the label of a value alone, if it is what the code calls it."""
    name, label = found[1], found[2]
    return f"{label}:" if name.casefold() == label.casefold() else f"{label} ({name}):"
