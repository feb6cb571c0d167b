"""Texts that people leave behind: they have something to read, and an end."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app.errors import OperationRefused

MISSING = gettext_lazy("Say why: a reason is required.")
#: The most characters of a reason or a note.
TEXT_LENGTH = 2_000
#: Letters and symbols by name, and yet blank: fillers of Hangul, and the empty pattern of Braille.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def is_visible(text: str) -> bool:
    """Tell whether there is anything to see: spaces, zero-width characters and direction marks are not."""
    return any(
        character.isprintable() and not character.isspace() and character not in _BLANK
        for character in text
    )


def checked_text(text: Any) -> str:
    """Return `text`, a reason or a note, without the space around it. Raises OperationRefused (`reason_required`)."""
    if not isinstance(text, str) or not is_visible(text):
        raise OperationRefused("reason_required", str(MISSING))
    if "\x00" in text:
        raise OperationRefused("reason_required", _("The reason must not contain NUL characters."))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise OperationRefused(
            "reason_required", _("The reason contains characters that are no valid text.")
        ) from None
    stripped = text.strip()
    if len(stripped) > TEXT_LENGTH:
        raise OperationRefused(
            "reason_required",
            _("The reason has %(number)s characters; at most %(limit)s are kept. Say it in fewer.")
            % {"number": f"{len(stripped):,}", "limit": f"{TEXT_LENGTH:,}"},
        )
    return stripped
