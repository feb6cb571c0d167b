"""Texts that came from outside, as pages show them: marked, and never longer than a reader can use."""

from __future__ import annotations

import copy
from typing import TypeVar

from django.db.models import Model
from django.utils.translation import gettext as _

from workflows_app.visible import marked

M = TypeVar("M", bound=Model)

#: The most characters of one text that a page shows.
LONGEST = 20_000
#: How far a list follows from a row to the rows that it names: from a decision to a run to its workflow.
_STEPS = 3


def visible(text: object, most: int = LONGEST) -> str:
    """Return `text` marked, and cut after `most` characters."""
    whole = str(text)
    shown = marked(whole[:most].replace("\r\n", "\n"))
    if len(whole) <= most:
        return shown
    return _("%(text)s… (%(number)s characters in all)") % {
        "text": shown,
        "number": f"{len(whole):,}",
    }


def row_for_page(row: M, steps: int = _STEPS) -> M:
    """Return `row`, or if its texts or those of the rows that were read with it mislead, a copy to be shown.

    A page shows fields as they are. Never save a copy.
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
        if (near_row := row_for_page(other, steps - 1)) is not other
    }
    if not told and not near:
        return row
    copied = copy.copy(row)
    # Past the guards of states, which hold no such texts.
    vars(copied).update(told)
    copied._state.fields_cache.update(near)
    return copied
