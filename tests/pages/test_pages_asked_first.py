"""It happened and It didn't happen, whatever the outside system says: what is ticked and told, and what is done (P1, P3, P7)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import transaction

from tests.admin.addresses import page_of
from tests.pages.fixed import go_on_numbering
from tests.pages.looking import DIALOG, Looking, short, timeless
from tests.pages.reading import Page, page_of_answer
from tests.pages.stage import Stage, run_of
from tests.pages.telling import Telling
from tests.pages.works import BankPay, Play, plays
from workflows_app.models import Evidence, Run

pytestmark = pytest.mark.django_db

#: Which run, what the outside system answers now, and how long its search may lag.
OUTSIDE = {
    "can't be asked": ("INV-130/invoice.paid", "", 0),
    "says yes": ("INV-133", "applied", 0),
    "says yes, as before": ("INV-107", "applied", 0),
    "says no": ("INV-133", "not_applied", 0),
    "says no, and lags": ("INV-133", "not_applied", 5),
    "is away": ("INV-133", "broken", 0),
}
LATE = {"nothing": "", "yes": "applied", "no": "not_applied"}


@pytest.mark.parametrize("name", ["it_happened", "it_didnt_happen"])
def test_what_is_asked_told_and_done(
    name: str, stage: Stage, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, root = Telling(), Looking(stage)
    for outside, (about, answer, days) in OUTSIDE.items():
        monkeypatch.setattr(BankPay, "absence_is_proof_after", timedelta(days=days))
        for late, verdict in LATE.items():
            run = run_of(about)
            monkeypatch.setattr(plays.get(about, Play()), "asks", [answer])
            go_on_numbering()
            with transaction.atomic():
                if verdict:
                    Evidence.objects.create(mutation=run.mutation, kind="late", verdict=verdict)
                dialog = root.now(page_of(run, name), "dialog")
                told.shows(f"it {outside}; late came {late}", dialog, about)
                # The outside system knows the number, if it knows of it at all.
                found = "P-777" if late == "no" else "P-133"
                _press(root, told, run, name, dialog, found)
                transaction.set_rollback(True)
    assert told.text == kept


def _press(
    root: Looking, told: Telling, run: Run, name: str, dialog: Page, found: str, *ticks: str
) -> None:
    """Send the dialog, and once more with its ticks if it comes back."""
    shown = "\n".join(dialog.lines)
    seen = re.findall(r"name='seen' value='([^']*)'", shown)
    asked = {"asked_payment": found} if "asked_payment" in shown else {}
    sent = {**DIALOG, "reason": "I looked", "seen": seen, **asked, **dict.fromkeys(ticks, "on")}
    answer = root.client.post(page_of(run, name), sent)
    root.client.cookies.pop("messages", None)
    if answer.status_code == 302:
        now = Run.objects.get(pk=run.pk)
        told.says(f"sent with {' '.join(ticks) or 'no tick'}: {now.status}, the effect {now.mutation.status}")  # fmt: skip
        told.says(*(f"told: {short(str(each))}" for each in get_messages(answer.wsgi_request)))
        return
    again = timeless(page_of_answer(answer, "dialog"), dialog)
    told.says("sent with no tick:")
    told.changes(again, dialog)
    assert not ticks, "with its ticks it is taken"
    boxes = re.findall(r"type='checkbox' name='(\w+)'", "\n".join(again.lines))
    _press(root, told, run, name, again, found, *(boxes or ["none"]))
