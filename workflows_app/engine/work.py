"""What a step carries along: the claim, the code, the run, and the clocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workflows_app.conf import Policy
from workflows_app.engine.claims import Claim
from workflows_app.engine.contexts import Ahead
from workflows_app.errors import RunForgotten
from workflows_app.models import Event, Run, Workflow
from workflows_app.models.reading import Compiled
from workflows_app.sdk.handlers import Handler
from workflows_app.sdk.workflow import Workflow as WorkflowCode

Clock = Callable[[], datetime]

_RUN = Compiled(
    lambda pk: (
        Run.objects.select_related("handler", "retry_of", "mutation", "carried_mutation")
        .filter(pk=pk)
        .order_by()
    )
)


def load(run_id: int, workflow: Workflow) -> Run:
    """Return the run as it is stored, with all that a step needs of it."""
    run = _RUN.one(run_id)
    run.workflow = workflow
    return run


@dataclass
class Work:
    """One run in the hands of one worker."""

    claim: Claim
    code: type[WorkflowCode]
    run: Run
    clock: Clock
    #: When the outside call must have begun, by `machine_seconds`; later it is not made at all.
    send_by: float = math.inf
    #: The events that this run holds, if it reserved them itself.
    reserved: list[Event] | None = None
    #: What `prepare` will probably peek at, if the run has just begun.
    ahead: Ahead | None = None
    #: Called in the transaction that commits the run: the host looks for what is next.
    before_commit: Callable[[], None] = lambda: None

    def reread(self) -> Run:
        """Return the run as it is stored, and go on with that. Needs `held`. Raises RunForgotten.

        A number that the database has forgotten is given again, to a run of any workflow.
        """
        run = _RUN.first(self.run.pk)
        if run is None or run.workflow_id != self.claim.workflow_id:
            raise RunForgotten(self.claim.workflow_id, self.run.pk)
        run.workflow = self.run.workflow
        self.run = run
        # Its events are read anew too.
        self.reserved = None
        return run

    @property
    def policy(self) -> Policy:
        return self.code.policy_for()

    @property
    def handler_code(self) -> type[Handler]:
        """Return the handler's class. The planner starts no run whose handler is gone."""
        found = self.code.handler_named(self.run.handler.name)
        if found is None:
            raise LookupError(
                f"{self.code.slug} {self.code.version} has no {self.run.handler.name}"
            )
        return found
