"""The page of a run that failed, was skipped, or is done: why, what came of it, and the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.admin.addresses import page_of, text_of
from tests.models.rows import Rows
from workflows_app.models import Evidence
from workflows_app.operations import skip_run

pytestmark = pytest.mark.django_db


def test_a_run_that_took_nothing_though_it_had_data_says_so(operator: Client) -> None:
    kept = {"reservations": [], "data": {"amount": 1}, "title": "", "wake_at": None}
    run = Rows().run("committed", phase="committed", prepare_result=kept)

    text = text_of(operator, page_of(run))

    assert "It took no event and called nothing, though its code gave data for a call." in text
    # One that looked and found nothing is as it should be.
    kept = {**kept, "data": None}
    run = Rows("other").run("committed", phase="committed", prepare_result=kept)
    assert "It took no event" not in text_of(operator, page_of(run))


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("unknown", "Whether it happened was not learned before that."),
        ("applied", "The outside system said that it happened."),
        ("not_applied", "The outside system said that it did not happen."),
    ],
)
def test_a_skipped_run_says_who_decided_what_and_what_was_known(
    scene: Callable[..., Any], operator: Client, operator_user: User, verdict: str, words: str
) -> None:
    play = scene("lost")
    run = play.happens()
    Evidence.objects.create(mutation=run.mutation, kind="probe", verdict=verdict)
    skip_run(run, actor=operator_user, reason="Paid by card")
    play.run_host()
    # Its worker died meanwhile: another run brought it to its end.
    carrying = Rows("other").run("committed", phase="committed", carried_mutation=run.mutation)
    for row in (run, carrying):
        text = text_of(operator, page_of(row))
        assert "Done, without it: olga skipped it, " in text
        assert f": Paid by card {words}" in text
        assert "Known so far Skipped by olga" in text
        assert "Committed" not in text.split("Timeline")[1].split("Phase")[0]
