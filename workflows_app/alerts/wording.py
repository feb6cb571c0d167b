"""What a message says: plain text, for somebody who was asleep.

It holds titles without secret values, and links, and neither parameters, payloads nor what failed: those are behind
the login.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext, ngettext_lazy

from workflows_app.alerts.facts import SHOWS, Fact
from workflows_app.alerts.settings import AlertSettings
from workflows_app.masking import secret_names, shown
from workflows_app.models import Run, Workflow
from workflows_app.visible import short_line

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

#: Of each kind no more are named; the console has all.
MOST_NAMED = 5
_TITLE_LENGTH = 120


@dataclass(frozen=True)
class Words:
    """How one kind is told."""

    #: Of a number of them: what waits, up to a colon, and why.
    counted: _StrPromise
    #: What a person does about it.
    do: str


_WORDS = {
    "contradiction": Words(
        ngettext_lazy(
            "%(number)s late answer says the opposite of what was decided",
            "%(number)s late answers say the opposite of what was decided",
            "number",
        ),
        gettext_noop("Look outside what is true, before anything else."),
    ),
    "breaker": Words(
        ngettext_lazy(
            "%(number)s consumer sends no new calls: too many outcomes in a row were unknown",
            "%(number)s consumers send no new calls: too many outcomes in a row were unknown",
            "number",
        ),
        gettext_noop("Look whether the outside system is there."),
    ),
    "blocked": Words(
        ngettext_lazy(
            "%(number)s run waits for you: nobody knows whether its outside effect happened",
            "%(number)s runs wait for you: nobody knows whether their outside effects happened",
            "number",
        ),
        gettext_noop(
            "Look in the outside system, and say what you saw. If you are not sure, do nothing yet."
        ),
    ),
    "failed": Words(
        ngettext_lazy(
            "%(number)s failed run waits for a person or a new version",
            "%(number)s failed runs wait for a person or a new version",
            "number",
        ),
        gettext_noop("Look at what went wrong. Nothing is unknown there."),
    ),
    "oldest_pending": Words(
        # One a workflow, however many events wait behind it.
        gettext_lazy("The oldest event waits for longer than it should"),
        gettext_noop("Look at what holds the workflow up."),
    ),
}


def subject_of(workflow: Workflow, facts: Sequence[Fact], *, now: datetime) -> str:
    """Return one line: the workflow, the most urgent of what waits, and for how long."""
    kind, of_kind = _by_kind(facts)[0]
    told = _counted(kind, of_kind).partition(":")[0]
    return _("%(workflow)s: %(what)s, for %(age)s") % {
        "workflow": one_line(workflow.title),
        "what": told,
        "age": _age(of_kind, now),
    }


def body_of(
    workflow: Workflow, facts: Sequence[Fact], *, limits: AlertSettings, now: datetime
) -> str:
    """Return the message, the most urgent first, and of each kind the oldest first."""
    title = one_line(workflow.title)
    parts = [_("Workflow “%(workflow)s” needs a person.") % {"workflow": title}]
    for kind, of_kind in _by_kind(facts):
        lines = [f"{_counted(kind, of_kind)}. {_oldest(of_kind, now)}", _(_WORDS[kind].do)]
        named = of_kind[:MOST_NAMED]
        masked = _masked_titles(named)
        for fact in named:
            page, pk = fact.page
            name = one_line(masked.get(fact.page, fact.title)) or _("run %(number)s") % {
                "number": pk
            }
            name = workflow.slug if page == "workflow" else name
            lines.append(f"- {name}: {link(limits, f'{page}_change', pk)}")
        if len(of_kind) > MOST_NAMED:
            more = len(of_kind) - MOST_NAMED
            rest = ngettext("and %(number)s more", "and %(number)s more", more)
            lines.append(f"- {rest % {'number': more}}")
        parts.append("\n".join(lines))
    home = _absolute(limits, reverse("admin:index"))
    parts.append(_("All that waits: %(address)s") % {"address": home})
    again = ngettext(
        "This is told again every minute until somebody takes or settles it.",
        "This is told again every %(minutes)s minutes until somebody takes or settles it.",
        limits.repeat_number,
    ) % {"minutes": f"{limits.repeat_seconds / 60:g}"}
    to = _("Whom it goes to: the settings, and %(address)s") % {
        "address": link(limits, "alertchoice_changelist")
    }
    parts.append(f"{again} {to}")
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
    return short_line(text, _TITLE_LENGTH)


def _absolute(limits: AlertSettings, path: str) -> str:
    return limits.base_url.rstrip("/") + path


def _by_kind(facts: Sequence[Fact]) -> list[tuple[str, list[Fact]]]:
    oldest_first = sorted(facts, key=lambda fact: fact.since)
    kinds = ((kind, [fact for fact in oldest_first if fact.kind == kind]) for kind in SHOWS)
    return [(kind, of_kind) for kind, of_kind in kinds if of_kind]


def _counted(kind: str, facts: Sequence[Fact]) -> str:
    return _WORDS[kind].counted % {"number": len(facts)}


def _oldest(facts: Sequence[Fact], now: datetime) -> str:
    age = _age(facts, now)
    if len(facts) == 1:
        return _("It has been so for %(age)s.") % {"age": age}
    return _("The oldest: for %(age)s.") % {"age": age}


def _age(facts: Sequence[Fact], now: datetime) -> str:
    since = facts[0].since
    if (now - since).total_seconds() < 60:
        return _("less than a minute")
    return timesince(since, now, depth=1).replace("\xa0", " ")
