"""Which channels take no messages: told on the console and by `doctor`, since no message could tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db.models import Case, Count, Max, Min, TextField, Value, When
from django.db.models.functions import Cast
from django.utils.translation import gettext as _

from workflows_app.alerts.channels import ADDRESS_REFUSED
from workflows_app.models import Alert
from workflows_app.queries.recorded import in_readers_words

#: Stands for a name that is not told. No account has it.
_SOMEBODY = "\n"


@dataclass(frozen=True)
class Outage:
    """A channel, the mail to people, or to one of them, whose messages wait."""

    line: str
    #: Since when the oldest of them waits.
    since: datetime
    messages: int
    problem: str


def outages(*, with_names: bool) -> list[Outage]:
    """Return the places that did not take a message which still waits. One query.

    An address that the mail server does not take is a place of its own: `with_names` tells whose.
    """
    name = Cast(f"person__{get_user_model().USERNAME_FIELD}", TextField())
    whose = When(problem=ADDRESS_REFUSED, then=name if with_names else Value(_SOMEBODY))
    rows = (
        Alert.objects.filter(status=Alert.Status.WAITING, attempts__gt=0)
        .exclude(problem="")
        .annotate(whose=Case(whose, default=Value(""), output_field=TextField()))
        .order_by("channel", "whose")
        .values_list("channel", "whose")
        .annotate(Min("created_at"), Count("pk"), Max("problem"))
    )
    return [
        Outage(channel or _line(whose), since, messages, in_readers_words(problem))
        for channel, whose, since, messages, problem in rows
    ]


def _line(whose: str) -> str:
    if not whose:
        return _("e-mail")
    if whose == _SOMEBODY:
        return _("the e-mail of somebody")
    return _("the e-mail of %(person)s") % {"person": whose}
