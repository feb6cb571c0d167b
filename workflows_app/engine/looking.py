"""Looking at what is next in a workflow, without doing it: for those who check."""

from __future__ import annotations

from datetime import datetime

from workflows_app.engine.case import Changes
from workflows_app.engine.claims import Claim
from workflows_app.engine.holding import Holding
from workflows_app.engine.items import Taken
from workflows_app.engine.planner import Plan, plan
from workflows_app.engine.sight import Sight
from workflows_app.engine.snapshot import Snapshots
from workflows_app.models import Workflow
from workflows_app.sdk.workflow import Workflow as WorkflowCode


def what_is_next(
    workflow: Workflow, code: type[WorkflowCode], *, token: int, now: datetime
) -> Plan:
    """Return what the claim `token` would begin in the locked `workflow`.

    By the dates as they are, also where a turn would doubt them. Takes arrivals as a turn does: roll the
    transaction back.
    """
    holding = Holding(Claim(workflow.pk, token, ""), workflow, code)
    holding.read()
    sight = Sight([holding], room=1, waits=True, is_nested=True)
    sight.read()
    seen = Snapshots(sight, Changes(), Taken(now), doubts_dates=False)
    return plan(seen.of(holding, room=1))
