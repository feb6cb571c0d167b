"""What a message says: plain text, for somebody who was asleep.

It holds titles without secret values, and links, and neither parameters, payloads nor what failed: those are behind
the login.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.timesince import timesince

from workflows_app.alerts.facts import SHOWS, Fact
from workflows_app.alerts.settings import AlertSettings
from workflows_app.masking import secret_names, shown
from workflows_app.models import Run, Workflow

#: Of each kind no more are named; the console has all.
MOST_NAMED = 5
_TITLE_LENGTH = 120


@dataclass(frozen=True)
class Words:
    """How one kind is told: of one, of many, and what a person does about it."""

    one: str
    many: str
    do: str


_WORDS = {
    "contradiction": Words(
        "late answer says the opposite of what was decided",
        "late answers say the opposite of what was decided",
        "Look outside what is true, before anything else.",
    ),
    "breaker": Words(
        "consumer sends no new calls: too many outcomes in a row were unknown",
        "consumers send no new calls: too many outcomes in a row were unknown",
        "Look whether the outside system is there.",
    ),
    "blocked": Words(
        "run waits for you: nobody knows whether its outside effect happened",
        "runs wait for you: nobody knows whether their outside effects happened",
        "Look in the outside system, and say what you saw. If you are not sure, do nothing yet.",
    ),
    "failed": Words(
        "failed run waits for a person or a new version",
        "failed runs wait for a person or a new version",
        "Look at what went wrong. Nothing is unknown there.",
    ),
    "oldest_pending": Words(
        "event waits for longer than it should",
        "events wait for longer than they should",
        "Look at what holds the workflow up.",
    ),
}


def subject_of(workflow: Workflow, facts: Sequence[Fact], *, now: datetime) -> str:
    """Return one line: the workflow, the most urgent of what waits, and for how long."""
    kind, of_kind = _by_kind(facts)[0]
    told = _counted(kind, of_kind).partition(":")[0]
    return f"{one_line(workflow.title)}: {told}, for {_age(of_kind, now)}"


def body_of(
    workflow: Workflow, facts: Sequence[Fact], *, limits: AlertSettings, now: datetime
) -> str:
    """Return the message, the most urgent first, and of each kind the oldest first."""
    parts = [f"Workflow “{one_line(workflow.title)}” needs a person."]
    for kind, of_kind in _by_kind(facts):
        lines = [f"{_counted(kind, of_kind)}. {_oldest(of_kind, now)}", _WORDS[kind].do]
        named = of_kind[:MOST_NAMED]
        masked = _masked_titles(named)
        for fact in named:
            page, pk = fact.page
            title = one_line(masked.get(fact.page, fact.title)) or f"{page} {pk}"
            title = workflow.slug if page == "workflow" else title
            lines.append(f"- {title}: {link(limits, f'{page}_change', pk)}")
        if len(of_kind) > MOST_NAMED:
            lines.append(f"- and {len(of_kind) - MOST_NAMED} more")
        parts.append("\n".join(lines))
    parts.append(f"All that waits: {_absolute(limits, reverse('admin:index'))}")
    minutes = f"{limits.repeat_seconds / 60:g}"
    parts.append(
        f"This is told again every {minutes} minutes until somebody takes or settles it."
        f" Whom it goes to: the settings, and {link(limits, 'alertchoice_changelist')}"
    )
    return "\n\n".join(parts) + "\n"


def _masked_titles(facts: Sequence[Fact]) -> dict[tuple[str, int], str]:
    """Return what the runs among `facts` are called for people who may see nothing secret."""
    names = secret_names()
    keys = [pk for page, pk in (fact.page for fact in facts) if page == "run"]
    runs = Run.objects.select_related("mutation", "carried_mutation").filter(pk__in=keys)
    return {("run", run.pk): shown(run, names).title for run in runs} if names else {}


def link(limits: AlertSettings, page: str, *arguments: int) -> str:
    """Return the whole address of a page of the console."""
    return _absolute(limits, reverse(f"admin:workflows_app_{page}", args=arguments))


def one_line(text: str) -> str:
    """Return `text` as one short line of letters that do what they show."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= _TITLE_LENGTH else shown[: _TITLE_LENGTH - 1] + "…"


def _absolute(limits: AlertSettings, path: str) -> str:
    return limits.base_url.rstrip("/") + path


def _by_kind(facts: Sequence[Fact]) -> list[tuple[str, list[Fact]]]:
    oldest_first = sorted(facts, key=lambda fact: fact.since)
    kinds = ((kind, [fact for fact in oldest_first if fact.kind == kind]) for kind in SHOWS)
    return [(kind, of_kind) for kind, of_kind in kinds if of_kind]


def _counted(kind: str, facts: Sequence[Fact]) -> str:
    words = _WORDS[kind]
    return f"{len(facts)} {words.one if len(facts) == 1 else words.many}"


def _oldest(facts: Sequence[Fact], now: datetime) -> str:
    age = _age(facts, now)
    return f"It has been so for {age}." if len(facts) == 1 else f"The oldest: for {age}."


def _age(facts: Sequence[Fact], now: datetime) -> str:
    since = facts[0].since
    if (now - since).total_seconds() < 60:
        return "less than a minute"
    return timesince(since, now, depth=1).replace("\xa0", " ")
