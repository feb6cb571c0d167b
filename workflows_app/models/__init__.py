"""States, transitions and constraints. Models know no engine."""

from workflows_app.models.accounts import AccountChange, GivenPermission, SavedFilter
from workflows_app.models.alerts import Alert, AlertChoice
from workflows_app.models.audit import OperatorAction
from workflows_app.models.breakers import Breaker
from workflows_app.models.clocks import MachineClock
from workflows_app.models.events import Arrival, Event, EventInput, Input
from workflows_app.models.lanes import LaneRefusal, LaneState
from workflows_app.models.mutations import Evidence, Mutation
from workflows_app.models.runs import Reservation, Run
from workflows_app.models.words import EventWords
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
    "AccountChange",
    "Alert",
    "AlertChoice",
    "Arrival",
    "Breaker",
    "Event",
    "EventInput",
    "EventWords",
    "Evidence",
    "GivenPermission",
    "Handler",
    "Input",
    "LaneRefusal",
    "LaneState",
    "Lease",
    "MachineClock",
    "Mutation",
    "OperatorAction",
    "Reservation",
    "Run",
    "SavedFilter",
    "Topic",
    "Workflow",
    "WorkflowVersion",
]
