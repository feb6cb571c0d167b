"""What the host wrote into the ledger is read in the reader's language, and what others said as they said it."""

from __future__ import annotations

import pytest
from django.utils import translation

from workflows_app.queries.recorded import in_readers_words

#: As the host writes it, and in German.
READ = {
    "committed": "abgeschlossen",
    "published by run 7": "veröffentlicht von Lauf 7",
    "about to call bank.create_payment": "bank.create_payment wird gleich aufgerufen",
    "outcome unknown: no answer within 1.5 s": "Ausgang unbekannt: keine Antwort innerhalb von 1.5 s",
    "it did not happen, by a person: 50 % of\nit": "es ist nicht geschehen (festgestellt durch: eine Person):"
    " 50 % of\nit",
    "its worker died, 3 times in a row": "sein Worker ist abgestürzt, 3-mal in Folge",
    "a trial: run 12": "ein Versuch: Lauf 12",
    "a trial: of lane 'Dorf'": "ein Versuch: der Spur „Dorf“",
    "version 1.1 active (rolled_back): a mistake": "Version 1.1 aktiv (zurückgesetzt): a mistake",
    "the mail server refused: SMTPDataError": "der Mailserver hat abgelehnt: SMTPDataError",
    "Pay.lane can't name the lane of event '42' of topic 'received': what it returned must be text, not int. It"
    " must return a text of at most 200 characters.": "Pay.lane kann die Spur des Ereignisses „42“ des Themas"
    " „received“ nicht benennen: was zurückkam, muss Text sein, nicht int. Es muss einen Text von höchstens 200"
    " Zeichen zurückgeben.",
    "there is no such channel any more": "diesen Kanal gibt es nicht mehr",
}
#: What authors, people and outside systems say.
OF_OTHERS = [
    "",
    "KeyError: 'number'",
    "Committed by mistake",
    "I looked: it is there",
    "100 % (sure)",
]


@pytest.mark.parametrize("text", [*READ, *OF_OTHERS])
def test_in_english_a_text_stays_as_it_was_written(text: str) -> None:
    assert in_readers_words(text) == text


@pytest.mark.parametrize("text", READ)
def test_what_the_host_said_is_read_in_german(text: str) -> None:
    with translation.override("de"):
        assert in_readers_words(text) == READ[text]


@pytest.mark.parametrize("text", OF_OTHERS)
def test_what_others_said_stays_as_they_said_it(text: str) -> None:
    with translation.override("de"):
        assert in_readers_words(text) == text


def test_a_text_that_is_deeper_than_the_host_speaks_is_read_so_far() -> None:
    with translation.override("de"):
        read = in_readers_words("a trial: " * 5_000)
    assert read.startswith("ein Versuch: ein Versuch: ")
    assert read.endswith("a trial: a trial: ")
