"""What the console's templates need, on whichever page of whichever admin site they stand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

register = template.Library()

#: A text is folded if it has more characters than this.
FOLDED_AFTER = 160
_FORMAT = "Y-m-d H:i:s T"


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


@register.filter
def shown(text: object, most: int | None = None) -> str:
    """Return a text from outside as a page may show it: see `visible`. Nothing of nothing."""
    from workflows_app.admin.visible import LONGEST, visible

    return "" if text is None else visible(text, most or LONGEST)


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
def result_of(action: Any) -> str:
    """Return the result that a decision gave, in words: see `results`."""
    from workflows_app.admin.results import result_of

    return result_of(action)


@register.filter
def facts(value: Any) -> Any:
    """Return JSON as the rows of a table: see `facts_of`."""
    from workflows_app.admin.values import facts_of

    return facts_of(value)


@register.simple_tag
def when(at: datetime | None) -> SafeString | str:
    """Return an instant: the browser shows it in its own time zone, and exactly when pointed at."""
    if at is None:
        return "–"
    return _time(at, date_format(timezone.localtime(at), _FORMAT), mark=True)


@register.simple_tag
def since(at: datetime | None) -> SafeString | str:
    """Return how long ago an instant was, and the instant when pointed at."""
    return "–" if at is None else _time(at, timesince(at), mark=False)


def _time(at: datetime, text: str, *, mark: bool) -> SafeString:
    exact = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        f"{exact:%Y-%m-%dT%H:%M:%S.%fZ}",
        f"{exact:%Y-%m-%d %H:%M:%S}.{exact.microsecond // 1000:03} UTC",
        SafeString(" data-ops-when") if mark else "",
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
def in_a_line(item: Any) -> str:
    """Return what one call to the outside system told, in a line."""
    from workflows_app.queries.plain_words import in_a_line

    return in_a_line(item)
