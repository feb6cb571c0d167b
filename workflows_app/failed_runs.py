"""What a failed test says of the runs that failed or don't know their outcome in it: errors that are not in the log."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress

import pytest
from django.db import DatabaseError

#: What the runs said that failed in the test that is under way, by their numbers.
_failed: dict[int, str] = {}
#: What was said when the outside effects were tried whose outcome is unknown at the end, by their runs' numbers.
_unknown: dict[int, str] = {}


@contextmanager
def noted() -> Iterator[None]:
    """Note the runs that have failed at the end of a block, however it ends."""
    try:
        yield
    except BaseException:
        with suppress(DatabaseError):
            _note_failed_runs()
        raise
    _note_failed_runs()


def _note_failed_runs() -> None:
    """Note the runs that have failed so far, and those whose outcome is unknown now."""
    from workflows_app.models import Evidence, Mutation, Run

    for run in Run.objects.filter(status=Run.Status.FAILED).select_related("handler"):
        what = f"run {run.pk} of {run.handler.name} failed while {run.failure_phase}"
        _failed[run.pk] = _with_traceback(f"{what}: {run.failure_message}", run.failure_traceback)
    _unknown.clear()
    asked = Evidence.objects.filter(mutation__status__in=Mutation.UNKNOWN)
    for each in asked.select_related("mutation__run__handler").order_by("pk"):
        run = each.mutation.run
        what = f"run {run.pk} of {run.handler.name} is {run.status}, after {each.kind}"
        told = _with_traceback(f"{what}: {each.detail}", each.traceback)
        _unknown[run.pk] = "\n".join(filter(None, (_unknown.get(run.pk), told)))


def _with_traceback(what: str, where: str) -> str:
    return "\n".join(filter(None, (what, where.rstrip())))


def pytest_runtest_setup() -> None:
    """Forget the runs of the test before."""
    _failed.clear()
    _unknown.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the runs said to the report of a test that failed."""
    report = yield
    if report.failed and call.when == "call":
        for title, said in (
            ("Workflow runs that failed", _failed),
            ("Workflow runs whose outcome is unknown", _unknown),
        ):
            if said:
                report.sections.append((title, "\n\n".join(said.values())))
    return report
