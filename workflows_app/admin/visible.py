"""Texts that came from outside, as pages show them: what could mislead an eye is a visible mark.

A direction override turns `gpj.exe` into `exe.jpg`; a control character hides or breaks a line. Such a character
is shown by its number, and not obeyed. A text of any length takes no more of a page than its reader can use.
"""

from __future__ import annotations

import copy
import re
from typing import TypeVar

from django.db.models import Model
from django.utils.translation import gettext as _

#: Control characters but for tab and line feed, what turns or breaks lines, what nobody can see, and half
#: characters. The joiners are left: some scripts need them.
_MISLEADING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
M = TypeVar("M", bound=Model)

#: The most characters of one text that a page shows.
LONGEST = 20_000
#: How far a list follows from a row to the rows that it names: from a decision to a run to its workflow.
_STEPS = 3


def visible(text: object, most: int = LONGEST) -> str:
    """Return `text` with a mark like `⟦U+202E⟧` for each misleading character, cut after `most` characters."""
    whole = str(text)
    told = whole[:most].replace("\r\n", "\n")
    shown = _MISLEADING.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", told)
    if len(whole) <= most:
        return shown
    return _("%(text)s… (%(number)s characters in all)") % {
        "text": shown,
        "number": f"{len(whole):,}",
    }


def row_for_list(row: M, steps: int = _STEPS) -> M:
    """Return `row`, or if its texts or those of the rows that were read with it mislead, a copy to be shown.

    A list shows fields as they are. Never save a copy.
    """
    told = {
        name: shown
        for name, value in vars(row).items()
        if isinstance(value, str) and (shown := visible(value)) != value
    }
    near = {
        name: near_row
        for name, other in row._state.fields_cache.items()
        if steps and isinstance(other, Model)
        if (near_row := row_for_list(other, steps - 1)) is not other
    }
    if not told and not near:
        return row
    copied = copy.copy(row)
    # Past the guards of states, which hold no such texts.
    vars(copied).update(told)
    copied._state.fields_cache.update(near)
    return copied
