"""Where a person goes from a run on which all is decided: to the next that needs somebody, or home.

The page of the next opens by itself and says at its top what was done, with a link back. The page of a run that is
decided leads on, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workflows_app.admin.base import address_of
from workflows_app.admin.seeing import may_see, shown
from workflows_app.admin.visible import visible
from workflows_app.models import OperatorAction, Run
from workflows_app.queries.next_waiting import COUNTED_AT_MOST, next_waiting

_LABEL_LENGTH = 100
Operation = OperatorAction.Operation
#: After these nothing is left for a person to do about a run. After the others they see what comes of it.
_SETTLES = (
    *(Operation.IT_HAPPENED, Operation.IT_DIDNT_HAPPEN, Operation.SKIP_RUN),
    *(Operation.SKIP_EVENT, Operation.RETRY_FAILED_RUN),
)


@dataclass(frozen=True)
class NextPage:
    """A link, if there is anything to lead to, and how many wait for somebody."""

    label: str
    address: str
    number: int
    is_more: bool


def next_for(person: Any, *, near: int) -> NextPage | None:
    """Return where `person` goes next who comes from the workflow `near`; nothing if they may not see runs."""
    if not may_see(Run):
        return None
    found = next_waiting(person, near=near)
    run = shown(found.run)
    return NextPage(
        label=_name_of(run) if run is not None else "",
        address=address_of(run) if run is not None else "",
        number=min(found.number, COUNTED_AT_MOST),
        is_more=found.number > COUNTED_AT_MOST,
    )


def after(operation: Operation, row: Any, person: Any, told: str) -> tuple[str, str]:
    """Return where `person` goes who has decided about `row`, and what is said there; `told`: what came of it."""
    if not isinstance(row, Run) or operation not in _SETTLES:
        return address_of(row), told
    found = next_for(person, near=row.workflow_id)
    if found is None or not found.address or found.address == address_of(row):
        return address_of(row), f"{_name_of(shown(row))}: {told}"
    return found.address, format_html(
        '<a class="ops-link" href="{}">{}</a>: {} <strong>{}</strong>',
        address_of(row),
        _name_of(shown(row)),
        told,
        _this_is_next(found),
    )


def _name_of(run: Run) -> str:
    return visible(run.title or run.handler.name, _LABEL_LENGTH)


def _this_is_next(found: NextPage) -> str:
    if found.is_more:
        return _("This is the next; more than %(number)s wait.") % {"number": found.number}
    told = ngettext(
        "This is the next, and the last that waits.",
        "This is the next of %(number)s that wait.",
        found.number,
    )
    return told % {"number": found.number}
