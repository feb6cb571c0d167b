"""Which channels take no messages: told on the console and by `doctor`, since no message could tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min
from django.utils.translation import gettext as _

from workflows_app.models import Alert
from workflows_app.queries.recorded import in_readers_words


@dataclass(frozen=True)
class Outage:
    """A channel, or the mail to people, whose messages wait."""

    line: str
    #: Since when the oldest of them waits.
    since: datetime
    messages: int
    problem: str


def outages() -> list[Outage]:
    """Return the places that did not take a message which still waits. One query."""
    rows = (
        Alert.objects.filter(status=Alert.Status.WAITING, attempts__gt=0)
        .exclude(problem="")
        .order_by("channel")
        .values_list("channel")
        .annotate(Min("created_at"), Count("pk"), Max("problem"))
    )
    return [
        Outage(channel or _("e-mail"), since, messages, in_readers_words(problem))
        for channel, since, messages, problem in rows
    ]
