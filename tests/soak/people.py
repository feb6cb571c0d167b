"""What people and the outside world do meanwhile, by chance but truthfully."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from tests.crash.outside import Outside
from tests.crash.scenario import TOPIC
from workflows_app.models import Event, Run, Workflow
from workflows_app.operations import (
    OperationRefused,
    it_didnt_happen,
    pause_workflow,
    resume_workflow,
    retry_failed_run,
    skip_event,
    skip_run,
    try_again,
)
from workflows_app.publishing import publish


class People:
    """They publish, decide by the outside system's own records, and sometimes press at random."""

    def __init__(self, person: Any, outside: Outside, slugs: list[str], chance: random.Random):
        self.done: Counter[str] = Counter()
        self._person = person
        self._outside = outside
        self._slugs = slugs
        self._chance = chance
        self._published = 0

    def act(self) -> None:
        """Do a few things of every kind, some of which will be refused."""
        for _ in range(self._chance.randrange(4)):
            self._publish()
        self.settle()
        slug = self._chance.choice(self._slugs)
        workflow = Workflow.objects.get(slug=slug)
        newest = Run.objects.filter(workflow=workflow).order_by("pk").last()
        if self._chance.random() < 0.05:
            self._press(pause_workflow, workflow)
        if self._chance.random() < 0.2:
            self._press(resume_workflow, workflow)
        if self._chance.random() < 0.05:
            pending = Event.objects.filter(topic__workflow=workflow, topic__name=TOPIC)
            event = pending.filter(status="pending").order_by("?").first()
            if event is not None:
                self._press(skip_event, event)
        if newest is not None and self._chance.random() < 0.2:
            # At any time, whatever the state: it is for the operation to say no.
            self._press(self._chance.choice([try_again, retry_failed_run]), newest)
        self._mischief(slug)

    def settle(self) -> None:
        """Decide on all that waits for a person, as the outside system's own records say."""
        for run in Run.objects.filter(status="blocked").select_related("mutation"):
            keys = {effect.key for effect in list(self._outside.effects)}
            happened = run.idempotency_key in keys
            self._press(skip_run if happened else it_didnt_happen, run)
        for run in Run.objects.filter(status="failed", owes_retry=True, retry_due_at=None):
            self._press(retry_failed_run, run)

    def behave(self) -> None:
        """Let nothing go wrong any more, and all workflows run."""
        self._outside.refusing.clear()
        self._outside.evading.clear()
        self._outside.failing.clear()
        for workflow in Workflow.objects.filter(status="paused"):
            self._press(resume_workflow, workflow)

    def _publish(self) -> None:
        self._published += 1
        slug = self._chance.choice(self._slugs)
        # One in ten is published again.
        number = self._published - (self._chance.random() < 0.1)
        payload = {"account": slug, "amount": self._published}
        publish(workflow=slug, topic=TOPIC, message_id=f"{slug}-{number}", payload=payload)

    def _mischief(self, slug: str) -> None:
        if self._chance.random() < 0.3:
            self._outside.refusing[slug] = self._chance.choice([422, 500, 503])
        else:
            self._outside.refusing.pop(slug, None)
        if self._chance.random() < 0.2:
            self._outside.evading[slug] = 503
        else:
            self._outside.evading.pop(slug, None)

    def _press(self, operation: Any, what: Any) -> None:
        name = operation.__name__
        try:
            operation(what, actor=self._person, reason="as the records say")
        except OperationRefused as refusal:
            self.done[f"{name} refused: {refusal.code}"] += 1
        else:
            self.done[name] += 1
