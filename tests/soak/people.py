"""What people and the outside world do meanwhile, by chance but truthfully."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from tests.crash.scenario import TOPIC
from tests.soak.bank import Bank
from workflows_app.models import Breaker, Event, Run, Workflow
from workflows_app.operations import (
    OperationRefused,
    close_breaker,
    decide_now,
    it_didnt_happen,
    it_happened,
    pause_workflow,
    resume_workflow,
    retry_failed_run,
    skip_event,
    skip_run,
    try_again,
)
from workflows_app.publishing import publish_many

#: Of so many accounts at a time the outside's mood changes.
_MOODS = 10


class People:
    """They publish, decide by the outside system's own records, and sometimes press at random."""

    def __init__(
        self, person: Any, bank: Bank, accounts: dict[str, list[str]], chance: random.Random
    ):
        """`accounts`: those of each workflow. Each is a lane."""
        self.done: Counter[str] = Counter()
        self._person = person
        self._bank = bank
        self._accounts = accounts
        self._chance = chance
        self._published = 0
        self._last: tuple[str, str] | None = None
        self._has_backlog = False

    def act(self) -> None:
        """Do a few things of every kind, some of which will be refused."""
        for _ in range(self._chance.randrange(4)):
            self._publish(self._any_slug(), 1)
        if self._chance.random() < 0.01:
            self._publish(self._any_slug(), 40)
        if not self._bank.is_away:
            self.settle(at_most=5)
        elif self._chance.random() < 0.05:
            # Its records can't be seen either: somebody there has been asked, by telephone.
            self.settle(at_most=1)
        self._press_at_random(Workflow.objects.get(slug=self._any_slug()))
        for _ in range(_MOODS):
            self._mischief(self._chance.choice(self._accounts[self._any_slug()]))

    def publish_backlog(self) -> None:
        """Publish an event in every lane, once."""
        if self._has_backlog:
            return
        self._has_backlog = True
        for slug, accounts in self._accounts.items():
            self._publish(slug, len(accounts))

    def settle(self, at_most: int | None = None) -> None:
        """Decide on what waits for a person, as the outside system's own records say."""
        blocked = Run.objects.filter(status="blocked").select_related("mutation")
        for run in blocked.order_by("?")[:at_most]:
            self._tell_what_happened(run)
        failed = Run.objects.filter(status="failed", owes_retry=True, retry_due_at=None)
        for run in failed.order_by("?")[:at_most]:
            event = Event.objects.filter(reservations__run=run, status="pending").first()
            if event is not None and self._chance.random() < 0.2:
                self._press(skip_event, event)
            else:
                self._press(retry_failed_run, run)

    def behave(self) -> None:
        """Let nothing go wrong any more, and all workflows run."""
        self._bank.refusing.clear()
        self._bank.evading.clear()
        for workflow in Workflow.objects.filter(status="paused"):
            self._press(resume_workflow, workflow)

    def _any_slug(self) -> str:
        return self._chance.choice(list(self._accounts))

    def _publish(self, slug: str, number: int) -> None:
        """Publish new events of different accounts. One in ten is published again, of any account."""
        accounts = self._chance.sample(self._accounts[slug], min(number, len(self._accounts[slug])))
        events = []
        for account in accounts:
            self._published += 1
            events.append(self._event(f"{slug}-{self._published}", account))
        publish_many(workflow=slug, topic=TOPIC, events=events)
        if self._last is not None and self._chance.random() < 0.1:
            slug, message_id = self._last
            again = self._event(message_id, self._chance.choice(self._accounts[slug]))
            publish_many(workflow=slug, topic=TOPIC, events=[again])
        self._last = slug, f"{slug}-{self._published}"

    def _event(self, message_id: str, account: str) -> tuple[str, dict[str, Any]]:
        return message_id, {"account": account, "lane": account, "amount": self._published}

    def _tell_what_happened(self, run: Run) -> None:
        params = run.mutation.params
        number = self._bank.number_of(params["account"], run.mutation.idempotency_key)
        if self._chance.random() < 0.2:
            self._press(skip_run, run)
        elif number is None:
            self._press(it_didnt_happen, run)
        else:
            self._press(it_happened, run, result={"number": number})

    def _press_at_random(self, workflow: Workflow) -> None:
        """At any time, whatever the state: it is for the operation to say no."""
        if self._chance.random() < 0.05:
            self._press(pause_workflow, workflow)
        if self._chance.random() < 0.2:
            self._press(resume_workflow, workflow)
        runs = Run.objects.filter(workflow=workflow)
        newest = runs.order_by("pk").last()
        if newest is not None and self._chance.random() < 0.2:
            self._press(self._chance.choice([try_again, retry_failed_run, decide_now]), newest)
        asked = runs.filter(status="reconciling").order_by("?").first()
        if asked is not None and self._chance.random() < 0.1:
            self._press(decide_now, asked)
        pending = Event.objects.filter(topic__workflow=workflow, topic__name=TOPIC)
        event = pending.filter(status="pending").order_by("?").first()
        if event is not None and self._chance.random() < 0.05:
            self._press(skip_event, event)
        breaker = Breaker.objects.filter(handler__workflow=workflow).first()
        if breaker is not None and self._chance.random() < (0.002 if self._bank.is_away else 0.05):
            self._press(close_breaker, breaker.handler)

    def _mischief(self, account: str) -> None:
        if self._chance.random() < 0.2:
            self._bank.refusing[account] = self._chance.choice([422, 500, 503])
        else:
            self._bank.refusing.pop(account, None)
        if self._chance.random() < 0.2:
            self._bank.evading[account] = 503
        else:
            self._bank.evading.pop(account, None)

    def _press(self, operation: Any, what: Any, **options: Any) -> None:
        name = operation.__name__
        try:
            operation(what, actor=self._person, reason="as the records say", **options)
        except OperationRefused as refusal:
            self.done[f"{name} refused: {refusal.code}"] += 1
        else:
            self.done[name] += 1
