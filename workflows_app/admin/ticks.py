"""What a person ticks before a decision on a run: that they looked, or that it is no longer wanted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldBooleanWidget

from workflows_app.admin.seeing import may_see, shown
from workflows_app.admin.visible import visible
from workflows_app.admin.what_follows import name_of
from workflows_app.lazy_text import StrOrPromise
from workflows_app.models import Event, Evidence, Mutation, Run
from workflows_app.operations.heard import outside_says, said

Verdict = Evidence.Verdict
_NAME_LENGTH = 200


class Tick(forms.BooleanField):
    """What a person says to themselves: with `required` the browser sends no form without it.

    It keeps a tired hand from pressing. Operations have no such argument, and who calls them otherwise than by
    the page is not asked.
    """

    def __init__(self, label: StrOrPromise, *, required: bool = True) -> None:
        super().__init__(label=label, required=required, widget=UnfoldBooleanWidget())

    def validate(self, value: Any) -> None:
        """Take the form without it, too."""


def is_there(run: Run) -> str:
    """Return what a person ticks who says that it happened."""
    name = _looked_for(run)
    if not name:
        return _("I looked for it in the outside system, and it is there")
    return _("I looked for %(name)s in the outside system, and it is there") % {"name": name}


def is_not_there(run: Run) -> str:
    """Return what a person ticks who says that it did not happen."""
    if may_see(Evidence) and outside_says(run, Verdict.NOT_APPLIED):
        return _("The outside system says that it did not happen, and it is still wanted")
    name = _looked_for(run)
    if not name:
        return _("I looked for it in the outside system, and it is not there")
    return _("I looked for %(name)s in the outside system, and it is not there") % {"name": name}


def is_given_up(run: Run) -> str:
    """Return what a person ticks who skips `run`, or what it was about."""
    if may_see(Evidence) and said(run) == Verdict.APPLIED:
        return _("It happened, and nothing shall follow from it here")
    return _given_up(name_of(run))


def event_is_given_up(event: Event) -> str:
    """Return what a person ticks who skips `event`."""
    return _given_up(visible(shown(event).message_id, _NAME_LENGTH))


def _given_up(what: str) -> str:
    return _("“%(what)s” is no longer wanted, or somebody sees to it outside") % {"what": what}


def _looked_for(run: Run) -> str:
    """Return by what it is named, as far as the person may see it, and where it was to be, if that says more."""
    run = shown(run)
    mutation = run.settled_mutation if may_see(Mutation) else None
    where = visible(mutation.target or mutation.mutator) if mutation else ""
    title = visible(run.title)
    if not title:
        return where
    name = _("“%(title)s”") % {"title": title}
    return name if where in title else f"{name} ({where})"
