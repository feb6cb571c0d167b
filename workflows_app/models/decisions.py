"""What people may decide: the names of all operations, their labels and their permissions, here and nowhere else.

The rest of what is declared of an operation stands beside it, in `operations`.
"""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from workflows_app.lazy_text import StrOrPromise

_PAUSE = ("pause_workflow", "Can pause and resume workflows")


class OperationName(models.TextChoices):
    """The name of an operation, the codename of its permission, what that permits, and the label."""

    SKIP_EVENT = "skip_event", "skip_event", "Can skip events", _("Skip event")
    TRY_AGAIN = "try_again", "try_again", "Can have the outside system asked again", _("Try again")
    IT_HAPPENED = (
        "it_happened",
        "assert_happened",
        "Can assert that an outside effect happened",
        _("It happened"),
    )
    IT_DIDNT_HAPPEN = (
        "it_didnt_happen",
        "assert_not_happened",
        "Can assert that an outside effect did not happen",
        _("It didn't happen"),
    )
    SKIP_RUN = "skip_run", "skip_run", "Can skip blocked runs", _("Skip")
    DECIDE_NOW = (
        "decide_now",
        "decide_now",
        "Can end the asking, and decide instead",
        _("Decide now"),
    )
    RETRY_FAILED_RUN = (
        "retry_failed_run",
        "retry_failed_run",
        "Can retry failed runs now",
        _("Retry now"),
    )
    PAUSE_WORKFLOW = "pause_workflow", *_PAUSE, _("Pause")
    RESUME_WORKFLOW = "resume_workflow", *_PAUSE, _("Resume")
    RETIRE_WORKFLOW = (
        "retire_workflow",
        "retire_workflow",
        "Can retire workflows that are no longer in the code",
        _("Retire"),
    )
    RUN_PRODUCERS_NOW = (
        "run_producers_now",
        "run_producers",
        "Can run producers now",
        _("Run now"),
    )
    CLOSE_BREAKER = "close_breaker", "close_breaker", "Can let calls go out again", _("Send again")
    TAKE_RUN = "take_run", "take_run", "Can say that they look into a run", _("Take")
    ADD_NOTE = "add_note", "add_note", "Can add notes to a run", _("Note")

    codename: str
    permits: str

    def __new__(cls, name: str, codename: str = "", permits: str = "") -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.codename, member.permits = codename, permits
        return member


def permissions_for(*names: OperationName) -> list[tuple[str, StrOrPromise]]:
    """Return the permissions that these operations need, for the `Meta` of the model that they are about."""
    return [(name.codename, name.permits) for name in names]
