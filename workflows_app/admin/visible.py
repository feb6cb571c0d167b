"""Texts that came from outside, as pages show them: what could mislead an eye is a visible mark.

A direction override turns `gpj.exe` into `exe.jpg`; a control character hides or breaks a line. Such a character
is shown by its number, and not obeyed. A text of any length takes no more of a page than its reader can use.
"""

from __future__ import annotations

import re

#: Control characters but for tab and line feed, what turns or breaks lines, what nobody can see, and half
#: characters. The joiners are left: some scripts need them.
_MISLEADING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
#: The most characters of one text that a page shows.
LONGEST = 20_000


def visible(text: object, most: int = LONGEST) -> str:
    """Return `text` with a mark like `⟦U+202E⟧` for each misleading character, cut after `most` characters."""
    whole = str(text)
    told = whole[:most].replace("\r\n", "\n")
    shown = _MISLEADING.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", told)
    return shown if len(whole) <= most else f"{shown}… ({len(whole):,} characters in all)"
