"""What a check is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Severity(StrEnum):
    """A violation is what the design rules out; a warning is what somebody should know."""

    VIOLATION = "violation"
    WARNING = "warning"


@dataclass(frozen=True)
class Scope:
    """What is looked at, one workflow or all, and by which clock: going through all takes a while."""

    clock: Callable[[], datetime]
    workflow_id: int | None = None


@dataclass(frozen=True)
class Found:
    """One row that is not as it should be: "event" 12 of workflow 3 "is reserved by ..."."""

    workflow_id: int | None
    subject: str
    id: int | str
    detail: str


@dataclass(frozen=True)
class Check:
    """One invariant: what it means if it does not hold, what to do then, and how to find out."""

    id: str
    #: What is wrong, as the heading of what was found.
    title: str
    meaning: str
    remedy: str
    find: Callable[[Scope], Iterator[Found]]
    severity: Severity = Severity.VIOLATION
    #: Puts one finding right, and must be provably safe; it never changes state.
    fix: Callable[[Found, Scope], None] | None = None
