"""What the host wrote down, as people read it in their own language.

The database has it in English, whoever's work it was. Here each of its sentences is known by its English words;
what authors, people and outside systems said stays as they said it.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext, gettext_noop

#: In the order in which they are tried.
_SAID = (
    gettext_noop("started"),
    gettext_noop("continued"),
    gettext_noop("committed"),
    gettext_noop("its lane was named"),
    gettext_noop("another version names its lane"),
    gettext_noop("waits for a place"),
    gettext_noop("starts over"),
    gettext_noop("of lane '%(text)s'"),
    gettext_noop("%(label)s by sync_workflows"),
    gettext_noop("version %(name)s active (%(label)s)"),
    gettext_noop("version %(name)s active (%(label)s): %(text)s"),
    gettext_noop("other code, with DEBUG"),
    gettext_noop("prepared; there is nothing to call"),
    gettext_noop("about to be sent"),
    gettext_noop("not sent: the workflow is paused"),
    gettext_noop("not sent: the circuit breaker of its consumer is open"),
    gettext_noop("not sent: another version is active"),
    gettext_noop("not sent: its worker gives the workflow back"),
    gettext_noop("about to call %(name)s"),
    gettext_noop("retry of run %(number)s"),
    gettext_noop("reserved by run %(number)s"),
    gettext_noop("consumed by run %(number)s"),
    gettext_noop("published by run %(number)s"),
    gettext_noop("published by the application"),
    gettext_noop("published again with another payload by run %(number)s"),
    gettext_noop("published again with another payload by the application"),
    gettext_noop("it happened, by %(label)s"),
    gettext_noop("it did not happen, by %(label)s: %(told)s"),
    gettext_noop("%(name)s was applied"),
    gettext_noop("%(name)s was rejected: %(told)s"),
    gettext_noop("outcome unknown, and nobody can be asked: %(told)s"),
    gettext_noop("outcome unknown: %(told)s"),
    gettext_noop("still unknown after %(number)s attempts: %(told)s"),
    gettext_noop("the outside system said that it happened, and now that it did not"),
    gettext_noop("still unknown, attempt %(number)s: %(told)s"),
    gettext_noop("run %(number)s failed (%(name)s): %(told)s"),
    gettext_noop("run %(number)s ended: %(told)s"),
    gettext_noop("the worker ended before the outcome was recorded"),
    gettext_noop("the worker was held up, and did not send it"),
    gettext_noop("its worker died"),
    gettext_noop("its worker died, %(number)s times in a row"),
    gettext_noop("its handler took longer than %(seconds)s s"),
    gettext_noop("its handler took longer than %(seconds)s s, %(number)s times in a row"),
    gettext_noop("no answer within %(seconds)s s"),
    gettext_noop("not there, which proves nothing before %(told)s"),
    gettext_noop("the outside system does not have it"),
    gettext_noop("the mutator is sure that it did not happen"),
    gettext_noop("the lookup found nothing"),
    gettext_noop("%(person)s said that it happened: %(text)s"),
    gettext_noop("%(person)s said that it did not happen: %(text)s"),
    gettext_noop("the lookup answered %(number)s"),
    gettext_noop("the call returned, but %(told)s"),
    gettext_noop("the answer came, but %(told)s"),
    gettext_noop("the database refused it: %(told)s"),
    gettext_noop("the outcome of run %(run)s is unknown, %(number)s in a row"),
    gettext_noop("a definite answer about run %(number)s"),
    gettext_noop("run %(number)s sent nothing"),
    gettext_noop("a trial: %(told)s"),
    gettext_noop("run %(number)s"),
    gettext_noop("Naming its lane took longer than %(seconds)s s."),
    gettext_noop("The code has no consumer of topic '%(name)s'."),
    gettext_noop(
        "%(name)s.lane can't name the lane of event '%(text)s' of topic '%(topic)s': %(told)s. It must"
        " return a text of at most 200 characters."
    ),
    gettext_noop("it raised %(text)s"),
    gettext_noop("what it returned must be text, not %(name)s"),
    gettext_noop("what it returned must not be empty"),
    gettext_noop("what it returned has %(number)s characters; at most 200 are allowed"),
    gettext_noop("what it returned is no valid text: %(text)s"),
    gettext_noop("it answered %(number)s"),
    gettext_noop("its address can't be read"),
    gettext_noop("there was no answer, or a refusal"),
    gettext_noop("there was no answer in %(seconds)s s"),
    gettext_noop("the mail server does not take the address"),
    gettext_noop("the mail server refused: %(name)s"),
    gettext_noop("the mail server can't be reached: %(name)s"),
    gettext_noop("sending failed: %(name)s"),
    gettext_noop("there is no such channel any more"),
    gettext_noop("your account has no e-mail"),
)
#: What `sync_workflows` says that it has done.
_LABELS = (
    gettext_noop("made known"),
    gettext_noop("created"),
    gettext_noop("repaired"),
    gettext_noop("replanned"),
    gettext_noop("rolled_back"),
    gettext_noop("brought_back"),
    gettext_noop("edited"),
)
#: What stands in the place of a name.
_PARTS = {
    "number": r"\d+",
    "run": r"\d+",
    "seconds": r"[\d.]+",
    "name": r"[^\s':]+",
    "topic": r"[^']+",
    "label": r"[a-z_ ]+",
    "person": r"[^:\n]+",
    "text": r".*",
    "told": r".*",
}


def _pattern(said: str) -> re.Pattern[str]:
    """Return what finds the sentence `said`, with groups for what stands in it."""
    pieces = re.split(r"%\((\w+)\)s", said)
    found = [
        f"(?P<{piece}>{_PARTS[piece]})" if place % 2 else re.escape(piece)
        for place, piece in enumerate(pieces)
    ]
    return re.compile("".join(found), re.DOTALL)


#: Sentences of the host stand in no more others; a text that looks so is of somebody else.
_DEEP = 5
_PATTERNS = [(_pattern(said), said) for said in _SAID]


def in_readers_words(text: str, *, deep: int = _DEEP) -> str:
    """Return a text of the ledger with what the host said in the reader's language; others as they are.

    So are sentences within more than `deep` others.
    """
    for pattern, said in _PATTERNS:
        found = pattern.fullmatch(text)
        if found is not None:
            parts = found.groupdict()
            if deep and "told" in parts:
                parts["told"] = in_readers_words(parts["told"], deep=deep - 1)
            if "label" in parts:
                parts["label"] = gettext(parts["label"])
            return gettext(said) % parts
    return text
