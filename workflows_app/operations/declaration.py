"""What an operation is: declared once, beside it. Admin, bulk, commands, groups and `doctor` hold no copy.

Its name, label and permission have their home in `models.decisions`, as models need them too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from workflows_app.lazy_text import StrOrPromise
from workflows_app.models import Breaker, Event, Evidence, OperatorAction, Run, Workflow
from workflows_app.operations.refusals import Refusal, decided_before, retired

WHY = _("Why?")
NOT_BLOCKED = ("not_blocked", _("Run %(row)s is not blocked: it is %(status)s."))
_NAMED_BY = {Breaker: "handler", Event: "message_id", Run: "pk", Workflow: "slug"}


@dataclass(frozen=True)
class Change:
    """The status of the row before and after, and of its outside effect after: `doctor` looks for it in history.

    With `makes_retry` it is another row that is new, and the row itself stays as it is. With `sets` the status stays,
    and this column, which was empty, has a value.
    """

    before: tuple[str, ...]
    after: str = ""
    effect: str = ""
    makes_retry: bool = False
    sets: str = ""


@dataclass(frozen=True)
class Insisting:
    """A tick that the function takes as an argument, what it says, and the run that it is about, if that is another."""

    argument: str
    words: str
    other_run: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """One operation."""

    code: OperatorAction.Operation
    function: Callable[..., OperatorAction]
    #: Of which model people choose a row, and what the function takes of it.
    target: type[Model]
    subject: Callable[[Any], Any] = lambda row: row
    #: With what code and sentence it refuses a row of another status than `change.before`.
    refuses: tuple[str, StrOrPromise] = ("", "")
    #: What else stands in its way; looked at first.
    other_refusal: Callable[[Any], Refusal | None] = lambda row: None
    #: Whether it would be of use, where it applies: otherwise it has no button.
    is_of_use: Callable[[Any], bool] = lambda row: True
    #: None: it says something, and changes no state.
    change: Change | None

    icon: str
    #: How its button stands out among others, as the theme calls it.
    weight: Literal["default", "primary", "warning", "danger"] = "default"
    #: When to press it, beside the button.
    hint: StrOrPromise
    #: What it does, before the person confirms; in red, what is lost if the person is wrong.
    consequence: StrOrPromise
    warning: StrOrPromise = ""
    #: What is so once it is done.
    done: StrOrPromise

    #: What is asked for in place of a reason, and by which name the function takes it.
    reason_label: StrOrPromise = WHY
    reason_argument: str = "reason"
    needs_reason: bool = True
    #: What people often say why: offered, and taken with one press. It is theirs from then on.
    offered_reasons: Callable[[Any], Sequence[StrOrPromise]] = lambda row: ()
    #: What is asked for besides: names, and what they are for people; and what the function gets of the answers.
    asks: Callable[[Any], Mapping[str, str]] = lambda row: {}
    answered: Callable[[Any, dict[str, str]], dict[str, Any]] = lambda row, answers: {}
    #: What a person ticks about many rows, before the browser sends the form, and about which rows it is asked.
    tick_for_many: StrOrPromise = ""
    needs_tick: Callable[[Any], bool] = lambda row: True
    #: A tick that the function takes as an argument, if it applies to the row and to what was answered so far.
    insists: Callable[[Any, Mapping[str, str]], Insisting | None] = lambda row, answers: None
    #: What the person says of the outside effect by it, if that: the outside system is asked first.
    asserts: Evidence.Verdict | None = None
    #: The function takes what was seen (`operations.seen`).
    carries_seen: bool = False
    #: It may be about many rows at once.
    is_for_many: bool = True

    @property
    def name(self) -> str:
        """Its name in addresses and commands."""
        return self.function.__name__

    @property
    def asks_first(self) -> bool:
        """Tell whether the outside system is asked first, where it can be: the function takes `probe`."""
        return self.asserts is not None

    @property
    def needs_code(self) -> bool:
        """Tell whether it is of no use once its workflow is retired: no worker would do what follows."""
        is_end = self.change is not None and self.change.sets != ""
        return self.change is not None and self.target is not Event and not is_end

    @property
    def label(self) -> StrOrPromise:
        return self.code.label

    @property
    def permission(self) -> str:
        """The codename."""
        return self.code.codename

    def refusal(self, row: Any) -> Refusal | None:
        """Return why it does not apply to `row`: the function looks at the same under the lock."""
        other = self._retired(row) or self.other_refusal(row)
        if other is not None or self.change is None or row.status in self.change.before:
            return other
        told = {
            "row": getattr(row, _NAMED_BY[type(row)]),
            "status": row.get_status_display().lower(),
        }
        code, sentence = self.refuses
        return Refusal(code, sentence % told, decided_before(row, self.code))

    def _retired(self, row: Any) -> Refusal | None:
        """Return why it does not apply to a workflow that has ended."""
        if not isinstance(row, Workflow) or row.retired_at is None or not self.needs_code:
            return None
        return retired(row)

    def applies(self, row: Any) -> bool:
        """Tell whether people are offered it for `row`, as far as it goes by state."""
        return self.refusal(row) is None and self.is_of_use(row)

    def require(self, row: Any, person: Any) -> None:
        """Refuse unless it applies to `row`; `person` is told. Needs the workflow's lock to be sure. Raises OperationRefused."""
        refusal = self.refusal(row)
        if refusal is not None:
            raise refusal.error(person)
