"""Texts that came from outside, as people read them: what could mislead an eye or command a terminal is a mark.

A direction override turns `gpj.exe` into `exe.jpg`; a control character hides or breaks a line, or clears a
screen. Such a character is shown by its number, and not obeyed: on pages, in exports, messages, logs and commands.
"""

from __future__ import annotations

import logging
import re

#: Control characters but for tab and line feed, what turns or breaks lines, what nobody can see, and half
#: characters. The joiners are left: some scripts need them.
_MISLEADING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def marked(text: object) -> str:
    """Return `text` with a mark like `⟦U+202E⟧` for each misleading character."""
    return _MISLEADING.sub(_mark, str(text))


def marked_line(text: object) -> str:
    """Return `text` marked, and on one line: a line feed is a mark too."""
    return marked(text).replace("\n", "⟦U+000A⟧")


def short_line(text: object, most: int) -> str:
    """Return `text` marked, on one line with single spaces, cut to `most` characters."""
    line = " ".join(marked(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


class OneLineFilter(logging.Filter):
    """Lets each message be one line that commands no terminal, whatever it tells of outside."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if (clean := marked_line(said)) != said:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            # What a formatter finds here it takes for the traceback.
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = marked(record.exc_text)
        return True


def _mark(found: re.Match[str]) -> str:
    return f"⟦U+{ord(found[0]):04X}⟧"
