"""What the page of a run tells its person: as much as they may see, what they can decide, and what comes next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from unfold.enums import ActionVariant

from workflows_app.admin.next_page import next_for
from workflows_app.admin.not_offered import not_offered
from workflows_app.admin.seeing import may_see, may_see_why, seen, shown, shown_text
from workflows_app.engine.retry import only_next_is_missing
from workflows_app.models import Event, Evidence, Input, Mutation, OperatorAction, Run
from workflows_app.operations import DECLARED
from workflows_app.operations.asking import is_asked_for
from workflows_app.operations.heard import answer_about
from workflows_app.queries.explanation import Explanation
from workflows_app.queries.fates import Fate
from workflows_app.queries.waiting import held_back

Operation = OperatorAction.Operation


def as_seen(explanation: Explanation) -> Explanation:
    """Return what the person may see of it."""
    sees_call, sees_evidence = may_see(Mutation), may_see(Evidence)
    run = explanation.run
    steps = shown_text(run, explanation.verification_steps)
    url = shown_text(run, explanation.verification_url)
    return replace(
        explanation,
        mutation=explanation.mutation if sees_call else None,
        evidence=list(seen(Evidence, explanation.evidence)),
        late=shown(explanation.late) if sees_evidence else None,
        why=shown_text(run, explanation.why)
        if may_see_why(run, explanation.why)
        else _("You may not see evidence."),
        in_words=[shown_text(run, each) for each in explanation.in_words if sees_evidence],
        verification_steps=steps if sees_call else _("You may not see outside effects."),
        verification_url=url if sees_call else "",
        inputs=list(seen(Input, explanation.inputs)),
        reserved=[
            Fate(shown(fate.event), shown(fate.by))
            for fate in explanation.reserved
            if may_see(Event)
        ],
        suspects=list(seen(Event, explanation.suspects)),
        published=list(seen(Event, explanation.published)),
        decisions=list(seen(OperatorAction, explanation.decisions)),
        notes=list(seen(OperatorAction, explanation.notes)),
        attempts=[shown(attempt) for attempt in explanation.attempts],
        taking=shown(explanation.taking) if may_see(OperatorAction) else None,
    )


#: To what an answer of the outside system leads.
_LEADS_TO = {each.asserts.value: each.code for each in DECLARED if each.asserts is not None}


def put_decisions(context: dict[str, Any], explanation: Explanation, person: Any) -> None:
    """Put into the page what can be decided, what can't and why not, and what comes next if all is decided."""
    offered, remarks = context["buttons"], _remarks()
    leads_to = evident_decision(explanation)
    context["remarks"] = [item for item in offered if item["title"] in remarks]
    context["buttons"] = [
        {**item, "variant": ActionVariant.PRIMARY} if item["title"] == leads_to else item
        for item in offered
        if item["title"] not in remarks
    ]
    if explanation.run.failure_kind == Run.FailureKind.REJECTED:
        # Sent again it is probably refused again: what gives it up comes first.
        context["buttons"].sort(key=lambda item: item["title"] == Operation.RETRY_FAILED_RUN.label)
    labels = {item["title"] for item in offered}
    context["not_offered"] = not_offered(explanation, person, labels)
    context["leads_to"] = leads_to if leads_to in labels else ""
    context["gives_up"] = Operation.SKIP_RUN.label
    context["is_asking"] = is_asked_for(explanation.run, person)
    context["answer"] = answer_about(explanation.run) if leads_to and may_see(Evidence) else None
    run, decisions = explanation.run, explanation.decisions
    if (decisions or _was_pressed(explanation)) and not run.needs_person:
        context["next"] = next_for(person, near=run.workflow_id)
    context["only_next_is_missing"] = only_next_is_missing(run)
    context["held_back"] = held_back(run)
    if run.is_sent_again:
        by = next((each for each in decisions if each.operation == Operation.IT_DIDNT_HAPPEN), None)
        context["denied"] = by
        context["is_denied_by_reader"] = by is not None and by.actor_id == person.pk
    mutation = explanation.mutation
    if mutation is not None and mutation.resolved_by == Mutation.ResolvedBy.OPERATOR:
        context["settled_by"] = _settled_by(mutation)
    if mutation is not None and mutation.status == Mutation.Status.SKIPPED:
        context["outside_said"] = _said(explanation)


def _settled_by(mutation: Mutation) -> OperatorAction | None:
    """Return the decision that settled it, perhaps on an earlier run, as far as the person may see it."""
    if not may_see(OperatorAction):
        return None
    settling = [*_LEADS_TO.values(), Operation.SKIP_RUN]
    decided = OperatorAction.objects.filter(run=mutation.run_id, operation__in=settling)
    near = decided.select_related("run__mutation", "run__carried_mutation")
    return shown(near.order_by("-pk").first())


def _was_pressed(explanation: Explanation) -> bool:
    """Tell whether a person asserted something and the outside system's answer counted instead: no decision is left."""
    return any(item.kind == Evidence.Kind.PROBE for item in explanation.evidence)


def _remarks() -> set[str]:
    """Return the labels of what says something about a run and decides nothing: it stands apart from the decisions."""
    return {str(Operation(name).label) for name in OperatorAction.REMARKS}


def evident_decision(explanation: Explanation) -> str:
    """Return the label of the decision that the outside system's own answers speak for.

    Nothing if it gave none that is definite, or said both: then it is for the person to choose.
    """
    if explanation.run.status != Run.Status.BLOCKED:
        return ""
    said = _said(explanation)
    return str(_LEADS_TO[said].label) if said else ""


def _said(explanation: Explanation) -> str:
    """Return the verdict of the outside system's own answers; nothing if none is definite, or it said both."""
    said = {item.verdict for item in explanation.evidence} & set(_LEADS_TO)
    return said.pop() if len(said) == 1 else ""
