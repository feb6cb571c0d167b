"""What a failed test says of the runs that failed in it: their errors, which are not in the log."""

from __future__ import annotations

from collections.abc import Generator

import pytest

#: What the runs said that failed in the test that is under way, by their numbers.
_said: dict[int, str] = {}


def note_failed_runs() -> None:
    """Note the runs that have failed so far."""
    from workflows_app.models import Run

    for run in Run.objects.filter(status=Run.Status.FAILED).select_related("handler"):
        what = f"run {run.pk} of {run.handler.name} failed while {run.failure_phase}"
        where = run.failure_traceback.rstrip()
        _said[run.pk] = "\n".join(filter(None, (f"{what}: {run.failure_message}", where)))


def pytest_runtest_setup() -> None:
    """Forget the runs of the test before."""
    _said.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the errors of failed runs to the report of a test that failed."""
    report = yield
    if report.failed and call.when == "call" and _said:
        report.sections.append(("Workflow runs that failed", "\n\n".join(_said.values())))
    return report
