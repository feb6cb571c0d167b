"""What authors of workflows import. Nothing else of the project is theirs to touch."""

from workflows_app.sdk.contexts import NextContext, PollContext, PrepareContext
from workflows_app.sdk.failures import NotApplied, TransientError
from workflows_app.sdk.handlers import Consumer, Producer
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.registration import register
from workflows_app.sdk.schedules import Cron, Every
from workflows_app.sdk.values import (
    EventRecord,
    InputRef,
    MutationCall,
    MutationOutcome,
    PrepareResult,
    Reconciliation,
)
from workflows_app.sdk.workflow import Workflow

__all__ = [
    "Consumer",
    "Cron",
    "EventRecord",
    "Every",
    "InputRef",
    "MutationCall",
    "MutationOutcome",
    "Mutator",
    "NextContext",
    "NotApplied",
    "PollContext",
    "PrepareContext",
    "PrepareResult",
    "Producer",
    "Reconciliation",
    "TransientError",
    "Workflow",
    "register",
]
