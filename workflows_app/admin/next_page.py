"""Where a person goes from a page on which all is decided: to the next that needs somebody, or home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workflows_app.admin.base import address_of
from workflows_app.admin.seeing import may_see, shown
from workflows_app.admin.visible import visible
from workflows_app.models import Run
from workflows_app.queries.next_waiting import COUNTED_AT_MOST, next_waiting

_LABEL_LENGTH = 100


@dataclass(frozen=True)
class NextPage:
    """A link, if there is anything to lead to, and how many wait for somebody."""

    label: str
    address: str
    number: int
    is_more: bool


def next_for(person: Any) -> NextPage | None:
    """Return where `person` goes next; nothing if they may not see runs."""
    if not may_see(Run):
        return None
    found = next_waiting(person)
    run = shown(found.run)
    return NextPage(
        label=visible(run.title or run.handler.name, _LABEL_LENGTH) if run is not None else "",
        address=address_of(run) if run is not None else "",
        number=min(found.number, COUNTED_AT_MOST),
        is_more=found.number > COUNTED_AT_MOST,
    )
