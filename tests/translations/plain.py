"""What templates say outside of the tags that translate."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from django.template.base import Lexer, TokenType

from tests.translations.catalogue import APP, ROOT, sources

#: Attributes that people read or hear.
_READ = ("aria-label", "title", "alt", "placeholder", "data-label")
#: Elements whose text is code.
_CODE = ("code", "script", "style")
#: What the theme's icons are called.
_ICON = "material-symbols-outlined"
_WORD = re.compile(r"[^\W\d_]{2}")


def plain_texts() -> list[str]:
    """Return each text that stays as it is in whatever language."""
    return [
        f"{place.relative_to(ROOT)}: {text}"
        for place in sources(APP)
        if place.suffix != ".py" and "demo" not in place.parts
        for text in _Reader.texts_of(place)
    ]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._within: list[str] = []

    @classmethod
    def texts_of(cls, place: Path) -> list[str]:
        reader = cls()
        reader.feed(_without_tags(place.read_text()))
        reader.close()
        return reader.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        is_icon = _ICON in (dict(attrs).get("class") or "").split()
        self._within.append("code" if is_icon else tag)
        self.found += [
            value for name, value in attrs if name in _READ and _WORD.search(value or "")
        ]

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop() not in (tag, "code"):
            pass

    def handle_data(self, data: str) -> None:
        if _WORD.search(data) and not set(_CODE) & set(self._within):
            self.found.append(data.strip())


def _without_tags(text: str) -> str:
    """Return the text of a template without what is translated, commented or filled in."""
    kept, skipped_until = [], ""
    for token in Lexer(text).tokenize():
        name = token.contents.split(maxsplit=1)[0] if token.contents.strip() else ""
        if skipped_until:
            skipped_until = "" if name == skipped_until else skipped_until
        elif token.token_type == TokenType.BLOCK and name in ("comment", "blocktranslate"):
            skipped_until = f"end{name}"
        elif token.token_type == TokenType.TEXT:
            kept.append(token.contents)
    return "".join(kept)
