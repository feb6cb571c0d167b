"""It happened and It didn't happen, in every state that they meet: what is ticked, what is told, what is done (P1, P3, P7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tests.admin.addresses import page_of, text_of_html
from tests.admin.addresses import told as messages
from tests.operations.readiness import mute
from tests.scenes import Scene
from workflows_app.models import Evidence, Run
from workflows_app.sdk import Reconciliation
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db

#: What the outside system answers now; None: it can't be asked.
OUTSIDE: dict[str, Any] = {
    "mute": None,
    "yes": Reconciliation.applied({"number": "7"}),
    "no": Reconciliation.not_applied(),
    "away": TimeoutError("the bank is away"),
    "busy": Reconciliation.retry("closed at night"),
    "lags": Reconciliation.not_applied(),
}
#: How long the outside system honours the key, and what a dialog says of that.
KEYS = {
    None: "this outside system does not honour the key.",
    timedelta(hours=24): "the key keeps it from being done twice; after that nothing does.",
    timedelta(microseconds=1): "twice: the outside system honoured the key until",
}
#: What a dialog says of asking first.
SAYS = {
    "no counts": "If it says clearly that it did not happen, that counts, and not what you say.",
    "yes counts": "If it says clearly that it happened, that counts, and not what you say: nothing is sent.",
    "yes again counts": "If it says again that it happened, that counts, and not what you say",
    "yes, or my word": "If it says again that it happened, that counts, whatever you tick",
    "no is shown": "If it says now that it did not, nothing is decided",
    "yes is shown": "If it says now that it happened, nothing is decided",
    "my word": "Its answers contradict each other, so it is your word that counts.",
}
#: On what the decision stands, as the person is told.
STANDS_ON = {
    "unasked": "The outside system was not asked: it is your word that counts.",
    "unsaid": "The outside system was asked, and could not say: it is your word that counts.",
    "the same": "The outside system was asked, and says the same.",
    "the opposite": "says the opposite of what you say and of what it said before: it is your word that counts.",
}
#: What the run is after a press.
DONE = {
    ("blocked", "indeterminate", ""): "open",
    ("active", "applied", "operator"): "goes on",
    ("active", "applied", "reconcile"): "it happened",
    ("failed", "failed", "operator"): "sent again",
    ("failed", "failed", "reconcile"): "it did not",
}
#: operation | outside | late answer | ticks | box | told of asking | sent without a tick; asked then: what is done, and on what
TABLE = """
it_happened     | mute | -   | looked | warns  | -                | goes on, unasked
it_happened     | mute | yes | -      | agrees | -                | goes on, unasked
it_happened     | mute | no  | looked | warns  | -                | goes on, unasked
it_happened     | yes  | -   | looked | warns  | no counts        | goes on, the same
it_happened     | yes  | yes | -      | agrees | no is shown      | goes on, the same
it_happened     | yes  | no  | looked | warns  | no counts        | goes on, the same
it_happened     | no   | -   | looked | warns  | no counts        | it did not
it_happened     | no   | yes | -      | agrees | no is shown      | open; looked: goes on, the opposite
it_happened     | no   | no  | looked | warns  | no counts        | it did not
it_happened     | away | -   | looked | warns  | no counts        | goes on, unsaid
it_happened     | away | yes | -      | agrees | no is shown      | goes on, unsaid
it_happened     | away | no  | looked | warns  | no counts        | goes on, unsaid
it_happened     | busy | -   | looked | warns  | no counts        | goes on, unsaid
it_happened     | busy | yes | -      | agrees | no is shown      | goes on, unsaid
it_happened     | busy | no  | looked | warns  | no counts        | goes on, unsaid
it_happened     | lags | -   | looked | warns  | no counts        | goes on, unsaid
it_happened     | lags | yes | -      | agrees | no is shown      | goes on, unsaid
it_happened     | lags | no  | looked | warns  | no counts        | goes on, unsaid
it_didnt_happen | mute | -   | looked | warns  | -                | sent again, unasked
it_didnt_happen | mute | yes | looked despite_contradiction | warns  | -                | open; looked despite_contradiction: sent again, unasked
it_didnt_happen | mute | no  | looked | warns  | -                | sent again, unasked
it_didnt_happen | yes  | -   | looked | warns  | yes counts       | it happened
it_didnt_happen | yes  | yes | looked | warns  | yes again counts | it happened
it_didnt_happen | yes  | no  | looked | warns  | yes is shown     | open; looked despite_contradiction: sent again, the opposite
it_didnt_happen | no   | -   | looked | warns  | yes counts       | sent again, the same
it_didnt_happen | no   | yes | looked | warns  | yes again counts | open; looked despite_contradiction: sent again, the same
it_didnt_happen | no   | no  | looked | warns  | yes is shown     | sent again, the same
it_didnt_happen | away | -   | looked | warns  | yes counts       | sent again, unsaid
it_didnt_happen | away | yes | looked | warns  | yes again counts | open; looked despite_contradiction: sent again, unsaid
it_didnt_happen | away | no  | looked | warns  | yes is shown     | sent again, unsaid
it_didnt_happen | busy | -   | looked | warns  | yes counts       | sent again, unsaid
it_didnt_happen | busy | yes | looked | warns  | yes again counts | open; looked despite_contradiction: sent again, unsaid
it_didnt_happen | busy | no  | looked | warns  | yes is shown     | sent again, unsaid
it_didnt_happen | lags | -   | looked | warns  | yes counts       | sent again, unsaid
it_didnt_happen | lags | yes | looked | warns  | yes again counts | open; looked despite_contradiction: sent again, unsaid
it_didnt_happen | lags | no  | looked | warns  | yes is shown     | sent again, unsaid
"""


class Table:
    """The states of one blocked run, and a person at its dialogs. What a row does is undone."""

    def __init__(self, make: Callable[..., Scene], client: Client) -> None:
        self.client = client
        self.mutators = {False: scripted("lost"), True: mute()}
        self.runs = {
            can_ask: make(mutator=mutator, slug="asked" if can_ask else "mute").happens(days=0)
            for can_ask, mutator in self.mutators.items()
        }

    @contextmanager
    def state(self, outside: str, late: str, key: timedelta | None, fields: Any) -> Iterator[Run]:
        run, mutator = self.runs[outside != "mute"], self.mutators[outside != "mute"]
        mutator.key_lasts, mutator.result_fields = key, fields
        mutator.absence_is_proof_after = timedelta(hours=1 if outside == "lags" else 0)

        def reconcile(*_: Any, **__: Any) -> Any:
            if isinstance(OUTSIDE[outside], Exception):
                raise OUTSIDE[outside]
            return OUTSIDE[outside]

        if outside != "mute":
            mutator.reconcile = reconcile  # type: ignore[attr-defined]
        with transaction.atomic():
            if late != "-":
                verdict = {"yes": "applied", "no": "not_applied"}[late]
                Evidence.objects.create(mutation=run.mutation, kind="late", verdict=verdict)
            yield run
            transaction.set_rollback(True)

    def opened(self, name: str, run: Run) -> str:
        return self.client.get(page_of(run, name)).content.decode()

    def meet(self, name: str, outside: str, late: str) -> tuple[str, ...]:
        """Return what the dialog asks and tells, and what comes of it, in this state."""
        with self.state(outside, late, None, {}) as run:
            page = self.opened(name, run)
            _require_marked(page)
            text = text_of_html(page)
            told = " ".join(key for key, words in SAYS.items() if words in text)
            mood = "agrees" if "ops-agrees" in page else "warns"
            lags = "Its search may lag: that it is not there proves nothing before" in text
            assert lags == (outside == "lags")
            return " ".join(_ticks(page)) or "-", mood, told or "-", self.press(name, run, page)

    def press(self, name: str, run: Run, page: str, ticks: Sequence[str] = ()) -> str:
        """Send the dialog, and tell what came of it; if it comes back, it is sent once more, with its ticks."""
        data = {"_form_submitted": "True", "reason": "I looked", "seen": _seen(page)}
        answer = self.client.post(page_of(run, name), {**data, **dict.fromkeys(ticks, "on")})
        told = DONE[_state(run)]
        assert (answer.status_code == 200) == (told == "open")
        if told != "open" or ticks:
            words = messages(answer)[-1]
            stands_on = [key for key, sentence in STANDS_ON.items() if sentence in words]
            return ", ".join([told, *stands_on])
        again = answer.content.decode()
        _require_marked(again)
        ticks = _ticks(again)
        done = self.press(name, run, again, ticks or ["none"])
        return f"open; {' '.join(ticks) or '-'}: {done}"


def _state(run: Run) -> tuple[str, str, str]:
    now = Run.objects.get(pk=run.pk)
    return now.status, now.mutation.status, now.mutation.resolved_by


def _seen(page: str) -> str:
    return re.findall(r'name="seen" value="([^"]+)"', page)[0]


def _boxes(page: str) -> list[str]:
    return [tag for tag in re.findall(r"<input[^>]*>", page) if 'type="checkbox"' in tag]


def _ticks(page: str) -> list[str]:
    return [re.findall(r'name="(\w+)"', box)[0] for box in _boxes(page)]


def _require_marked(page: str) -> None:
    """No browser sends the form without its ticks, and each is marked as required."""
    assert "novalidate" not in page
    for name, box in zip(_ticks(page), _boxes(page), strict=True):
        assert " required" in box
        assert re.search(rf'<label for="id_{name}"[^>]*>[^<]*<span[^>]*>\*</span>', page), name


@pytest.fixture
def table(scene: Callable[..., Scene], operator: Client) -> Table:
    return Table(scene, operator)


def test_ticks_sentences_and_what_is_done_agree_in_every_state(table: Table) -> None:
    rows = [tuple(cell.strip() for cell in line.split("|")) for line in TABLE.strip().splitlines()]
    assert len({row[:3] for row in rows}) == 2 * len(OUTSIDE) * 3

    met = [(*row[:3], *table.meet(*row[:3])) for row in rows]

    assert met == rows


def test_whoever_gives_the_number_of_what_was_done_is_asked_for_no_tick(table: Table) -> None:
    with table.state("mute", "-", None, {"number": "The payment's number"}) as run:
        assert _ticks(table.opened("it_happened", run)) == []


def test_a_dialog_says_whether_a_key_protects_whatever_the_outside_says(table: Table) -> None:
    for outside in OUTSIDE:
        for late in ("-", "yes", "no"):
            for key, told in KEYS.items():
                with table.state(outside, late, key, {}) as run:
                    text = text_of_html(table.opened("it_didnt_happen", run))
                assert [words for words in KEYS.values() if words in text] == [told]
