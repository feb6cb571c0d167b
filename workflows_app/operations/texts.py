"""Texts that people leave behind: they have something to read, and an end."""

from __future__ import annotations

from typing import Any

from workflows_app.errors import OperationRefused

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


def checked_text(text: Any, *, what: str, missing: str) -> str:
    """Return `text` without the space around it. Raises OperationRefused (`reason_required`).

    `what`: what it is, as "The reason"; `missing`: what to do if there is nothing to read.
    """
    if not isinstance(text, str) or not is_visible(text):
        raise OperationRefused("reason_required", missing)
    if "\x00" in text:
        raise OperationRefused("reason_required", f"{what} must not contain NUL characters.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise OperationRefused(
            "reason_required", f"{what} contains characters that are no valid text."
        ) from None
    stripped = text.strip()
    if len(stripped) > TEXT_LENGTH:
        raise OperationRefused(
            "reason_required",
            f"{what} has {len(stripped):,} characters; at most {TEXT_LENGTH:,} are kept. Say it in"
            f" fewer.",
        )
    return stripped
