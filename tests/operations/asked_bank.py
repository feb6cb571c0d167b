"""A bank that is asked whether it has made a payment, before a person says so."""

from __future__ import annotations

from typing import Any

from tests.scenes import Scene
from workflows_app.models import Evidence, Run
from workflows_app.sdk import Reconciliation
from workflows_app.testing import ScriptedMutator

APPLIED = Reconciliation.applied({"number": "B-1"})
ABSENT = Reconciliation.not_applied()


class Bank:
    """A blocked payment at a bank that did not answer, and now says what a test wants it to."""

    def __init__(self, play: Scene, mutator: type[ScriptedMutator]) -> None:
        self.play = play
        self.mutator = mutator
        self.run = play.happens(days=0)
        assert self.run.status == "blocked"

    def says(self, answer: Any) -> None:
        def reconcile(mutator: Any, params: Any, *, idempotency_key: str) -> Any:
            self.mutator.reconciliations.append(idempotency_key)
            if callable(answer):
                return answer()
            return answer

        self.mutator.reconcile = reconcile  # type: ignore[attr-defined]

    @property
    def probe(self) -> Evidence:
        return Evidence.objects.get(kind="probe")

    def now(self) -> tuple[str, str, str]:
        run = Run.objects.get(pk=self.run.pk)
        return run.status, run.mutation.status, run.mutation.resolved_by
