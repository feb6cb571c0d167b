"""The German catalogue: what the code and the templates say, and how it reads in German.

The theme brings no German, so what it says and Django's own catalogues don't have is in ours, too.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import unfold
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "workflows_app"
LANGUAGE = "de"
PO = APP / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
THEME = Path(unfold.__file__).parent
#: Whose own German covers what the theme says as well.
_THEIRS = ("django/conf", "django/contrib/admin", "django/contrib/auth", "simple_history")
#: What the console calls otherwise than Django's German does.
_REWORDED = ("History", " By %(filter_title)s ")
_KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
#: Parts of the theme that are for apps which the console does not have.
_NOT_USED = {"guardian", "import_export", "location_field", "constance", "inlines", "unfold_crispy"}
_HEADER = """\
# German for the console and the messages: `make messages` brings it up to date with the code.
#
# People are called Sie; quotes are „…“; after a colon a sentence begins with a capital. One word for one thing:
#   breaker         Schutzschalter: ausgelöst (open), geschlossen (closed); never Sicherung, which is a backup
#   call            Aufruf; it is sent: wird gesendet
#   consumer        Verarbeiter; consumed: verarbeitet (a Verbraucher is somebody who buys)
#   decision        Entscheidung
#   event           Ereignis; pending: wartend; skipped: übersprungen
#   evidence        Nachweis (a Beleg is a voucher)
#   handler         Baustein
#   host            das System
#   input           Eingang
#   lane            Spur; held: aufgehalten
#   ledger          unsere Aufzeichnungen (the Hauptbuch is the general ledger)
#   outcome         Ausgang; unknown: unbekannt
#   outside effect  Außenwirkung; outside system: Außensystem; outside: im Außensystem
#   payload         Inhalt
#   producer        Erzeuger
#   run             Lauf; failed: fehlgeschlagen; blocked: blockiert; crashed: abgestürzt
#   to save         sichern, as Django says
#   to settle       klären
#   topic           Thema
msgid ""
msgstr ""
"Language: de\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|{\w*}")


def said() -> Catalog:
    """Return all messages of this project, and of the theme those that Django does not translate."""
    catalogue = Catalog()
    for place in (*sources(APP), *sources(ROOT / "config")):
        for message, context in _messages(place):
            where = str(place.relative_to(ROOT))
            catalogue.add(message, context=context, locations=[(where, 1)])
    for message in _REWORDED:
        catalogue.add(message, locations=[("django/contrib/admin", 1)])
    known = [
        gettext.GNUTranslations((THEME.parent / each / MO.relative_to(APP)).open("rb"))
        for each in _THEIRS
    ]
    for place in sources(THEME):
        if set(place.parts) & _NOT_USED:
            continue
        for message, context in _messages(place):
            if not any(_has(each, message, context) for each in known):
                where = f"unfold/{place.relative_to(THEME)}"
                catalogue.add(message, context=context, locations=[(where, 1)])
    return catalogue


def sources(root: Path) -> list[Path]:
    """Return the code and the templates under `root`."""
    return sorted(
        place
        for pattern in ("*.py", "templates/**/*.html", "templates/**/*.txt")
        for place in root.rglob(pattern)
        if "migrations" not in place.parts
    )


def _messages(place: Path) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    text = place.read_text()
    if place.suffix != ".py":
        # Indented text is no code that can be read.
        text = "\n".join(line.lstrip() for line in templatize(text, str(place)).splitlines())
    for _, message, _, context in extract("python", io.BytesIO(text.encode()), _KEYWORDS):
        yield message, context


def _has(
    known: gettext.GNUTranslations, message: str | tuple[str, ...], context: str | None
) -> bool:
    single = message if isinstance(message, str) else message[0]
    plain = known.gettext(single) if context is None else known.pgettext(context, single)
    return plain != single


def translated() -> Catalog:
    """Return what is translated, as the file for people has it."""
    with PO.open("rb") as file:
        return read_po(file, locale=LANGUAGE)


def compiled() -> Catalog:
    """Return what is translated, as pages use it."""
    with MO.open("rb") as file:
        return read_mo(file)


def renew() -> Catalog:
    """Bring both files up to date with what is said, and return the catalogue."""
    catalogue = translated()
    catalogue.update(said(), no_fuzzy_matching=True)
    with PO.open("wb") as file:
        file.write(_HEADER.encode())
        write_po(
            file,
            catalogue,
            width=110,
            omit_header=True,
            sort_output=True,
            ignore_obsolete=True,
            include_lineno=False,
        )
    with MO.open("wb") as file:
        write_mo(file, catalogue)
    return catalogue


def texts(catalogue: Catalog) -> dict[tuple[str | None, tuple[str, ...]], tuple[str, ...]]:
    """Return the messages of a catalogue, by context and original: each form, without what it is for."""
    return {
        (message.context, _forms(message.id)): _forms(message.string)
        for message in catalogue
        if message.id
    }


def _forms(text: str | Sequence[str] | None) -> tuple[str, ...]:
    return (text or "",) if text is None or isinstance(text, str) else tuple(text)


def problem_of(message: Message) -> str:
    """Return what is wrong with the translation of a message, if anything is."""
    singular, *plural = _forms(message.id)
    forms = _forms(message.string)
    if not all(forms) or len(forms) != 1 + len(plural):
        return "not translated"
    if message.fuzzy:
        return "fuzzy"
    allowed = [sorted(_PLACEHOLDER.findall(text)) for text in (singular, *plural)]
    if any(sorted(_PLACEHOLDER.findall(form)) not in allowed for form in forms):
        return "other placeholders than the original's"
    if any(_edges(form) != _edges(singular) for form in forms):
        return "begins or ends with other spaces than the original"
    return ""


def left_in_english(text: str) -> set[str]:
    """Return the lines of a German page that are messages in English: made when no language was chosen yet."""
    originals = {
        originals[0]
        for (_, originals), translations in texts(translated()).items()
        if originals[0] != translations[0]
    }
    return originals & {line.strip() for line in text.splitlines()}


def _edges(text: str) -> tuple[str, str]:
    return text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
