"""All that changes by a person's will. Admin, commands and code call the same functions."""

from workflows_app.errors import OperationRefused
from workflows_app.operations.add_note import ADD_NOTE, add_note
from workflows_app.operations.close_breaker import CLOSE_BREAKER, close_breaker
from workflows_app.operations.decide_now import DECIDE_NOW, decide_now
from workflows_app.operations.it_didnt_happen import IT_DIDNT_HAPPEN, it_didnt_happen
from workflows_app.operations.it_happened import IT_HAPPENED, it_happened
from workflows_app.operations.pause_workflow import PAUSE_WORKFLOW, pause_workflow
from workflows_app.operations.resume_workflow import RESUME_WORKFLOW, resume_workflow
from workflows_app.operations.retire_workflow import RETIRE_WORKFLOW, retire_workflow
from workflows_app.operations.retry_failed_run import RETRY_FAILED_RUN, retry_failed_run
from workflows_app.operations.run_producers_now import RUN_PRODUCERS_NOW, run_producers_now
from workflows_app.operations.skip_event import SKIP_EVENT, skip_event
from workflows_app.operations.skip_run import SKIP_RUN, skip_run
from workflows_app.operations.take import TAKE_RUN, take
from workflows_app.operations.try_again import TRY_AGAIN, try_again

#: All operations, in the order in which people are offered them.
DECLARED = (
    *(SKIP_EVENT, TRY_AGAIN, IT_HAPPENED, IT_DIDNT_HAPPEN, SKIP_RUN, DECIDE_NOW, RETRY_FAILED_RUN),
    *(PAUSE_WORKFLOW, RESUME_WORKFLOW, RETIRE_WORKFLOW, RUN_PRODUCERS_NOW),
    *(CLOSE_BREAKER, TAKE_RUN, ADD_NOTE),
)

__all__ = [
    "DECLARED",
    "OperationRefused",
    "add_note",
    "close_breaker",
    "decide_now",
    "it_didnt_happen",
    "it_happened",
    "pause_workflow",
    "resume_workflow",
    "retire_workflow",
    "retry_failed_run",
    "run_producers_now",
    "skip_event",
    "skip_run",
    "take",
    "try_again",
]
