"""All that changes by a person's will. Admin, commands and code call the same functions."""

from workflows_app.errors import OperationRefused
from workflows_app.operations.add_note import add_note
from workflows_app.operations.close_breaker import close_breaker
from workflows_app.operations.decide_now import decide_now
from workflows_app.operations.it_didnt_happen import it_didnt_happen
from workflows_app.operations.it_happened import it_happened
from workflows_app.operations.pause_workflow import pause_workflow
from workflows_app.operations.resume_workflow import resume_workflow
from workflows_app.operations.retry_failed_run import retry_failed_run
from workflows_app.operations.run_producers_now import run_producers_now
from workflows_app.operations.skip_event import skip_event
from workflows_app.operations.skip_run import skip_run
from workflows_app.operations.take import take
from workflows_app.operations.try_again import try_again

__all__ = [
    "OperationRefused",
    "add_note",
    "close_breaker",
    "decide_now",
    "it_didnt_happen",
    "it_happened",
    "pause_workflow",
    "resume_workflow",
    "retry_failed_run",
    "run_producers_now",
    "skip_event",
    "skip_run",
    "take",
    "try_again",
]
