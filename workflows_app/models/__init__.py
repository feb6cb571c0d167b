"""States, transitions and constraints. Models know no engine."""

from workflows_app.models.audit import OperatorAction
from workflows_app.models.breakers import Breaker
from workflows_app.models.events import Arrival, Event, EventInput, Input
from workflows_app.models.lanes import LaneState
from workflows_app.models.mutations import Evidence, Mutation
from workflows_app.models.runs import Reservation, Run
from workflows_app.models.workflows import (
    MAIN_LANE,
    Handler,
    Lease,
    Topic,
    Workflow,
    WorkflowVersion,
)

__all__ = [
    "MAIN_LANE",
    "Arrival",
    "Breaker",
    "Event",
    "EventInput",
    "Evidence",
    "Handler",
    "Input",
    "LaneState",
    "Lease",
    "Mutation",
    "OperatorAction",
    "Reservation",
    "Run",
    "Topic",
    "Workflow",
    "WorkflowVersion",
]
