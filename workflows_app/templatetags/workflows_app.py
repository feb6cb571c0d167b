"""What the console's templates need, on whichever page of whichever admin site they stand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import npgettext_lazy

register = template.Library()

#: A text is folded if it has more characters than this.
FOLDED_AFTER = 160
_FORMAT = "Y-m-d H:i:s T"
#: As Django's, in the case that a language has for them after “before”.
_BEFORE = {
    "year": npgettext_lazy("ago", "%(num)d year", "%(num)d years", "num"),
    "month": npgettext_lazy("ago", "%(num)d month", "%(num)d months", "num"),
    "week": npgettext_lazy("ago", "%(num)d week", "%(num)d weeks", "num"),
    "day": npgettext_lazy("ago", "%(num)d day", "%(num)d days", "num"),
    "hour": npgettext_lazy("ago", "%(num)d hour", "%(num)d hours", "num"),
    "minute": npgettext_lazy("ago", "%(num)d minute", "%(num)d minutes", "num"),
}


@register.simple_tag(takes_context=True)
def put_home(context: Context) -> str:
    """Put what `home.html` shows into the context."""
    # The theme renders templates, and so loads this, while it is being imported itself.
    from workflows_app.admin.dashboard import home

    for name, value in home(context["request"]).items():
        context[name] = value
    return ""


@register.simple_tag(takes_context=True)
def waits(context: Context) -> str:
    """Return how many things wait for a person, as the title of the home page counts them: “(3) ”."""
    from workflows_app.admin.dashboard import home

    number = home(context["request"]).get("waits", 0)
    return f"({number}) " if number else ""


@register.inclusion_tag("workflows_app/rows.html", takes_context=True)
def rows_of(context: Context, changelist: Any) -> dict[str, Any]:
    """Show the rows of a list: see `rows`."""
    from workflows_app.admin.rows import listed

    return {**listed(changelist), "request": context["request"]}


@register.filter
def shown(text: object, most: int | None = None) -> str:
    """Return a text from outside as a page may show it: see `visible`. Nothing of nothing."""
    from workflows_app.admin.visible import LONGEST, visible

    return "" if text is None else visible(text, most or LONGEST)


@register.filter
def readable(address: str) -> str:
    """Return an address as people read it: with spaces."""
    return address.replace("%20", " ")


@register.filter
def recorded(text: object) -> str:
    """Return a text of the ledger with what the host said in the language of the person. Nothing of nothing."""
    from workflows_app.queries.recorded import in_readers_words

    return in_readers_words(str(text or ""))


@register.filter
def folded(text: object) -> SafeString | str:
    """Return a long text as its beginning, behind which all of it can be unfolded."""
    whole = shown(text)
    if len(whole) <= FOLDED_AFTER:
        return whole
    begin = whole[: FOLDED_AFTER - 20].rsplit("\n", 1)[0]
    return format_html(
        '<details class="ops-fold"><summary>{}…</summary><div class="ops-steps">{}</div></details>',
        begin,
        whole,
    )


@register.filter
def state_of(row: Any) -> str:
    """Return how a row stands, in a word, as its list says it."""
    from workflows_app.admin.labels import in_words

    return in_words(row)


@register.filter
def result_of(action: Any) -> str:
    """Return the result that a decision gave, in words: see `results`."""
    from workflows_app.admin.results import result_of

    return result_of(action)


@register.filter
def facts(value: Any) -> Any:
    """Return JSON as the rows of a table: see `facts_of`."""
    from workflows_app.admin.values import facts_of

    return facts_of(value)


@register.filter
def brief(value: Any, without: str) -> str:
    """Return what tells most of a payload, in a line: see `in_brief`."""
    from workflows_app.admin.values import in_brief

    return in_brief(value, without=without)


@register.filter
def linked(row: Any, text: object = None) -> SafeString | str:
    """Return `text` as a link to the page of `row`, and without one to whoever may not see that."""
    from workflows_app.admin.base import link_to
    from workflows_app.admin.seeing import may_see

    return link_to(row, str(text)) if may_see(type(row)) else shown(text)


@register.simple_tag
def when(at: datetime | None) -> SafeString | str:
    """Return an instant: the browser shows it in its own time zone, and exactly when pointed at."""
    if at is None:
        return "–"
    return _time(at, date_format(timezone.localtime(at), _FORMAT), mark=" data-ops-when")


@register.simple_tag
def since(at: datetime | None) -> SafeString | str:
    """Return for how long something has been so: “2 hours”. The instant shows when pointed at."""
    return "–" if at is None else _time(at, _age(at) or _("less than a minute"))


@register.simple_tag
def ago(at: datetime | None) -> SafeString | str:
    """Return when something happened: “2 hours ago”, “just now”. The instant shows when pointed at.

    “Just now” grows older in the browser.
    """
    if at is None:
        return "–"
    age = _age(at, _BEFORE)
    if age:
        return _time(at, _("%(age)s ago") % {"age": age})
    seconds = max(0, int((timezone.now() - at).total_seconds()))
    return _time(at, _("just now"), mark=format_html(' data-ops-ago="{}"', seconds))


def _age(at: datetime, words: dict[str, Any] | None = None) -> str:
    """Return how old an instant is, in these `words`; nothing if it is younger than a minute."""
    is_old = timezone.now() - at >= timedelta(minutes=1)
    return timesince(at, time_strings=words) if is_old else ""


def _time(at: datetime, text: str, *, mark: str = "") -> SafeString:
    exact = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        f"{exact:%Y-%m-%dT%H:%M:%S.%fZ}",
        f"{exact:%Y-%m-%d %H:%M:%S}.{exact.microsecond // 1000:03} UTC",
        SafeString(mark),
        text,
    )


@register.filter
def state_in_words(state: str) -> str:
    """Return how a workflow or a lane stands, as people read it."""
    from workflows_app.admin.labels import state_in_words

    return state_in_words(state)


@register.filter
def numbered(by_state: dict[str, int]) -> str:
    """Return how many there are in which state: “2 blocked, 1 failed”."""
    return ", ".join(f"{number} {state_in_words(state)}" for state, number in by_state.items())


@register.filter
def in_a_line(item: Any, run: Any) -> str:
    """Return what one call to the outside system told, in a line; `run`: by which it was made."""
    from workflows_app.queries.plain_words import in_a_line, was_refused

    return in_a_line(item, is_refusal=was_refused(run))


@register.filter
def heard(message: object) -> str:
    """Return a message with what the outside system said as a text, and not as JSON."""
    from workflows_app.queries.plain_words import heard

    return heard(str(message or ""))
