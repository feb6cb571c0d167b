"""States, transitions and constraints. Models know no engine."""

from workflows_app.models.audit import OperatorAction
from workflows_app.models.events import Arrival, Event, EventInput, Input
from workflows_app.models.mutations import Evidence, Mutation
from workflows_app.models.runs import Reservation, Run
from workflows_app.models.workflows import (
    Handler,
    Lease,
    Topic,
    Workflow,
    WorkflowVersion,
)

__all__ = [
    "Arrival",
    "Event",
    "EventInput",
    "Evidence",
    "Handler",
    "Input",
    "Lease",
    "Mutation",
    "OperatorAction",
    "Reservation",
    "Run",
    "Topic",
    "Workflow",
    "WorkflowVersion",
]
