"""Where messages about a workflow go: its channels by the settings, and what people chose for themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.translation import get_supported_language_variant

from workflows_app.alerts.facts import SHOWS, chosen_kinds, may_be_told
from workflows_app.alerts.settings import AlertSettings
from workflows_app.models import Alert, AlertChoice, Workflow

#: Messages to people stand in one line, for the mail server; each channel has its own, by its name.
MAIL_LINE = "e-mail"


@dataclass(frozen=True)
class Place:
    """A channel, or the e-mail of a person by the person's key."""

    channel: str = ""
    person: Any = None

    @classmethod
    def of(cls, alert: Alert) -> Place:
        return cls(alert.channel, alert.person_id)


def mail_of(person: Any) -> str:
    """Return the e-mail of an account, whatever its model calls it; empty if it has none."""
    field = get_user_model().get_email_field_name()
    return str(getattr(person, field, None) or "")


def language_of(place: Place) -> str:
    """Return the language of messages there: what a person read when they last chose, or the site's.

    The site's, too, in place of one that it does not speak any more.
    """
    if place.person is None:
        return settings.LANGUAGE_CODE
    choices = AlertChoice.objects.filter(person=place.person)
    try:
        return get_supported_language_variant(choices.values_list("language", flat=True)[0])
    except LookupError:  # IndexError, too: nothing is chosen
        return settings.LANGUAGE_CODE


def wanted(
    limits: AlertSettings, workflows: Iterable[Workflow], *, only: Place | None = None
) -> dict[int, dict[Place, set[str]]]:
    """Return for each workflow which places, or whether the one asked for, are told of which kinds.

    What a person may not view in the console is not told to them, nor by them to a channel.
    """
    places: dict[int, dict[Place, set[str]]] = {}
    for workflow in workflows:
        channels = limits.channels_of(workflow.slug)
        places[workflow.pk] = {Place(channel): set(SHOWS) for channel in channels}
    choices = AlertChoice.objects.select_related("person").filter(person__is_active=True)
    if only is not None:
        choices = choices.filter(channel=only.channel)
        choices = choices if only.person is None else choices.filter(person=only.person)
    allowed: dict[Any, set[str]] = {}
    for choice in choices:
        person: Any = choice.person
        if person.pk not in allowed:
            allowed[person.pk] = set(may_be_told(person)) if person.is_staff else set()
        kinds = chosen_kinds(choice) & allowed[person.pk]
        place = Place(choice.channel) if choice.channel else Place(person=person.pk)
        if not kinds or not _is_there(place, person, limits):
            continue
        for pk in places if choice.workflow_id is None else {choice.workflow_id} & set(places):
            places[pk].setdefault(place, set()).update(kinds)
    return places


def _is_there(place: Place, person: Any, limits: AlertSettings) -> bool:
    return place.channel in limits.channels if place.channel else bool(mail_of(person))
