"""The drill: 20 cases wait, whoever looks at the pages settles them all, and who does not is told (P3, P7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from tests.demo.office import Office
from tests.demo.open_bank import OpenBank, open_bank
from workflows_app.demo.bank.ledger import read_entries
from workflows_app.demo.bank.script import Script
from workflows_app.demo.drill.cases import MIX, PAID, REJECTED, cases_of
from workflows_app.demo.drill.footprints import Footprint
from workflows_app.demo.drill.score import Standing, Verdict, counted, score, standings
from workflows_app.demo.drill.staging import POLICY, Stage, lay_out, waiting
from workflows_app.demo.drill.telling import page_of
from workflows_app.demo.invoices import FILE_VARIABLE
from workflows_app.demo.workflows import BANK_URL_VARIABLE, CreatePayment, Invoices
from workflows_app.errors import OperationRefused
from workflows_app.models import Breaker, Event, Run
from workflows_app.operations import (
    it_didnt_happen,
    it_happened,
    skip_event,
    skip_run,
    try_again,
)
from workflows_app.queries.explanation import explain
from workflows_app.testing import registered

CASES = sum(count for _, count in MIX)


class Play:
    """A staged drill, and the person who settles it."""

    def __init__(self, stage: Stage, bank: OpenBank, user: User, office: Office) -> None:
        self.stage = stage
        self.bank = bank
        self.user = user
        self.office = office

    def runs(self) -> list[Run]:
        """Return the runs that wait for a person."""
        return list(Run.objects.filter(Run.blocking_filter()).order_by("pk"))

    def page_of(self, run: Run) -> list[list[str]]:
        """Return the rows of the page to which the console sends a person who looks `run` up."""
        page = self.bank.http.get(explain(run).verification_url).text
        rows = re.findall(r"<tr>((?:<td.*?)+)</tr>", page)
        return [
            [unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows
        ]

    def host_works(self) -> None:
        self.office.works(at_once=16)

    def standings(self) -> list[Standing]:
        return standings(self.stage.cases, read_entries(self.stage.bank_records))

    def told(self, decide: Callable[..., object], what: Run | Event, **more: object) -> None:
        """Decide as by the console, which lets the host ask first."""
        decide(what, actor=self.user, reason="drill", **more)


@pytest.fixture
def play(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: pytest.FixtureRequest,
    operator_user: User,
) -> Iterator[Play]:
    settings.WORKFLOWS = {**settings.WORKFLOWS, **POLICY}  # type: ignore[attr-defined]
    stage = lay_out(tmp_path, seed=1)
    with open_bank(stage.bank_records, Script.read(stage.script)) as bank:
        bank.server.search_lag_seconds = 0
        monkeypatch.setenv(BANK_URL_VARIABLE, bank.url)
        monkeypatch.setenv(FILE_VARIABLE, str(stage.invoices))
        with registered(Invoices, allow_outside=True):
            made = Play(stage, bank, operator_user, Office(bank, stage.invoices))
            made.host_works()
            yield made


@pytest.mark.django_db
def test_all_cases_wait_and_a_person_who_looks_settles_each_rightly(play: Play) -> None:
    assert waiting() == len(play.stage.cases) == CASES == 20
    assert {one.verdict for one in play.standings()} == {Verdict.OPEN}
    assert not Breaker.objects.exclude(status=Breaker.Status.CLOSED).exists()

    for run in play.runs():
        if run.status == Run.Status.FAILED:
            play.told(skip_event, Event.objects.get(reservations__run=run))
            continue
        rows = play.page_of(run)
        is_payment = run.mutation.mutator == CreatePayment.name
        found = [row for row in rows if run.mutation.params["invoice"] in row]
        if any("withdraw" in cell for row in rows for cell in row):
            play.told(skip_run, run)
        elif not found:
            play.told(it_didnt_happen, run, probe=True)
        else:
            result = {"payment": found[0][0]} if is_payment else None
            play.told(it_happened, run, probe=True, result=result)
    play.host_works()

    found_out = play.standings()
    assert [one.sentence for one in found_out if one.verdict != Verdict.RIGHT] == []
    assert score(found_out) == "Score: 20 of 20 (20 right, 0 caught, 0 wrong, 0 open)."
    assert waiting() == 0
    assert page_of([(one, Footprint(3, 0, 1, 20)) for one in found_out], CASES)["sentence"] == (
        "20 right, 0 caught, 0 wrong, 0 of 20 to go. All are decided. This page and the console go away 60 seconds"
        " after the last decision; the score stays in the terminal."
    )


@pytest.mark.django_db
def test_who_always_sends_again_is_told_what_was_wrong_and_what_was_caught(play: Play) -> None:
    refused = []
    for run in play.runs():
        try:
            play.told(it_didnt_happen, run, probe=True)
        except OperationRefused as refusal:
            refused.append(refusal.code)
    play.host_works()

    found = play.standings()
    # Refused: what the bank's search knew again, and the webhook that was rejected.
    assert sorted(refused) == ["contradicted", "contradicted", "not_blocked"]
    assert score(found) == "Score: 9 of 20 (9 right, 2 caught, 8 wrong, 1 open)."
    assert counted(found) == "9 right, 2 caught, 8 wrong"
    (still_open,) = (one for one in found if one.verdict == Verdict.OPEN)
    assert (still_open.case.kind, still_open.sentence) == (REJECTED, "Nobody has decided.")
    assert {one.sentence for one in found if one.verdict != Verdict.RIGHT} == {
        "Nobody has decided.",
        "It was paid: the bank's list has it. It was sent again; only the bank's idempotency key keeps it from"
        " being paid twice.",
        "It was paid, and the bank's search can tell that again. The bank was asked first, and the opposite"
        " refused.",
        "The news had arrived: it is in the supplier's list. The supplier was told again.",
        "It was not paid, and the supplier had withdrawn the invoice. So it is paid now.",
    }


@pytest.mark.django_db
def test_a_wrong_number_is_wrong_and_asking_again_settles_what_the_search_knows(play: Play) -> None:
    payments = [run for run in play.runs() if run.mutation.mutator == CreatePayment.name]
    paid = {case.invoice.number for case in play.stage.cases if case.kind is PAID}
    told: list[str] = []
    for run in payments:
        if run.mutation.params["invoice"] in paid:
            with pytest.raises(OperationRefused, match="payment numbers are whole numbers"):
                play.told(it_happened, run, result={"payment": run.mutation.params["invoice"]})
            for number in told:
                with pytest.raises(OperationRefused, match="already the result of run"):
                    play.told(it_happened, run, result={"payment": number})
            told.append(f"{900 + len(told)}")
            play.told(it_happened, run, result={"payment": told[-1]})
        else:
            play.told(try_again, run)
    play.host_works()

    verdicts = [(one.verdict, one.decision) for one in play.standings() if one.case.kind.is_payment]
    assert sorted(set(verdicts)) == [
        ("open", "Try again"),
        ("right", "Try again"),
        ("wrong", "It happened"),
    ]
    assert [verdicts.count(one) for one in sorted(set(verdicts))] == [5, 4, 4]
    wrong = next(one for one in play.standings() if one.verdict == Verdict.WRONG)
    assert re.fullmatch(
        r"It was paid: the bank's list has it\. Its number there is \d+, and not “90\d”, which the supplier was"
        r" told\.",
        wrong.sentence,
    )


def test_a_seed_stages_the_same_cases_each_with_a_lane_of_its_own() -> None:
    assert cases_of(7) == cases_of(7) != cases_of(8)
    for seed in range(20):
        cases = cases_of(seed)
        assert len({case.invoice.supplier for case in cases}) == CASES
        assert len({one.number for case in cases for one in (case.invoice, case.twin) if one}) == 22
