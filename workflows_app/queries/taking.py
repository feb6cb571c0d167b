"""What whoever decides must not overlook: who looks into a run already, and answers that came too late (P4, P7)."""

from __future__ import annotations

from collections.abc import Iterable

from workflows_app.models import Evidence, OperatorAction, Run


def taken_by(run_ids: Iterable[int]) -> dict[int, OperatorAction]:
    """Return of each run that somebody looks into the decision by which they took it. One query.

    Any later decision about the run ends that; a note does not.
    """
    actions = (
        OperatorAction.objects.filter(run__in=list(run_ids))
        .exclude(operation=OperatorAction.Operation.ADD_NOTE)
        # What is secret of the run is struck out of the reason.
        .select_related("run__mutation", "run__carried_mutation")
        .order_by("run_id", "-pk")
        .distinct("run_id")
    )
    taking = OperatorAction.Operation.TAKE_RUN
    return {
        action.run_id: action
        for action in actions
        if action.operation == taking and action.run_id is not None
    }


def late_answers(runs: Iterable[Run]) -> dict[int, Evidence]:
    """Return of each run the newest answer that came too late and says whether it happened. One query.

    Of the runs their own and carried mutations are read.
    """
    run_of = {mutation.pk: run.pk for run in runs if (mutation := run.settled_mutation) is not None}
    late = (
        Evidence.objects.filter(mutation__in=list(run_of), kind=Evidence.Kind.LATE)
        .exclude(verdict=Evidence.Verdict.UNKNOWN)
        .order_by("mutation_id", "-pk")
        .distinct("mutation_id")
    )
    return {run_of[item.mutation_id]: item for item in late}
