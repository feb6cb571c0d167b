"""What whoever decides must not overlook: who looks into a run already, and answers that came too late (P4, P7)."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from workflows_app.models import Evidence, OperatorAction, Run


def takings() -> QuerySet[OperatorAction]:
    """Return the decisions by which people look into runs now: any later one about the run ends that."""
    taking = OperatorAction.objects.filter(operation=OperatorAction.Operation.TAKE_RUN)
    return taking.filter(pk=_last("run", "pk")).order_by()


def taken_by_nobody() -> Q:
    """Return the condition that nobody looks into a run now."""
    last = Coalesce(_last("pk", "operation"), Value(""))
    return ~Q(Exact(last, OperatorAction.Operation.TAKE_RUN.value))


def _last(run: str, field: str) -> Subquery:
    """Return a field of the last decision but for notes about `run`: one look by the index, and no join of all."""
    decisions = OperatorAction.objects.exclude(operation=OperatorAction.Operation.ADD_NOTE)
    return Subquery(decisions.filter(run=OuterRef(run)).order_by("-pk").values(field)[:1])


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
    told_by = {run.pk: effect.pk for run in runs if (effect := run.settled_mutation) is not None}
    late = (
        Evidence.objects.filter(mutation__in=set(told_by.values()), kind=Evidence.Kind.LATE)
        .exclude(verdict=Evidence.Verdict.UNKNOWN)
        .order_by("mutation_id", "-pk")
        .distinct("mutation_id")
    )
    newest = {item.mutation_id: item for item in late}
    return {run: newest[effect] for run, effect in told_by.items() if effect in newest}
