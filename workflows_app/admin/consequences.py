"""What follows from a decision about a run, and what is lost if the person is wrong, from this run's own data.

Rows hint, dialogs tell in full, and operations do it: each sentence is made here, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Min, prefetch_related_objects
from django.utils import timezone
from django.utils.translation import gettext as _

from workflows_app import registry
from workflows_app.admin.asked_first import asked_first, proves_nothing_yet
from workflows_app.admin.seeing import may_see, shown
from workflows_app.admin.values import in_short
from workflows_app.admin.what_follows import NAMED_AT_MOST, events_of, never_follows, news
from workflows_app.engine.retry import only_next_is_missing
from workflows_app.models import Breaker, Evidence, Mutation, OperatorAction, Run, Workflow
from workflows_app.operations.heard import definite, outside_says, said
from workflows_app.queries.explanation import late_answer
from workflows_app.queries.taking import taken_by

Verdict = Evidence.Verdict


def attempted(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return of each run what was to be done outside, what was heard too late, and who looks into it.

    As far as the person may see it. A constant number of queries.
    """
    prefetch_related_objects(runs, "mutation__evidence", "carried_mutation__evidence")
    takers = taken_by([run.pk for run in runs]) if may_see(OperatorAction) else {}
    found = []
    for run in runs:
        mutation = shown(run).settled_mutation if may_see(Mutation) else None
        sees_evidence = mutation is not None and may_see(Evidence)
        late = shown(late_answer(mutation.evidence.all())) if mutation and sees_evidence else None
        params = in_short(mutation.params, among=len(runs)) if mutation else ""
        taker = shown(takers.get(run.pk))
        found.append({"mutation": mutation, "params": params, "late": late, "taker": taker})
    return found


def happened(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return `attempted`, and what follows if it happened."""
    return [
        {
            **told,
            "follows": _(
                "Nothing is sent. The workflow learns that it happened, and goes on: %(news)s."
            )
            % {"news": news(run)},
            "warning": _if_it_did_not(run),
            "agrees": _says(run) == Verdict.APPLIED,
            "not_yet": proves_nothing_yet(run),
            "asks_first": asked_first(run, Verdict.APPLIED),
        }
        for run, told in zip(runs, attempted(runs), strict=True)
    ]


def sent_again(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return `attempted`, and what follows if it did not happen, or if the person is wrong."""
    keys = [run.idempotency_key for run in runs if run.idempotency_key]
    sent = Mutation.objects.filter(idempotency_key__in=keys).order_by()
    first_sent = dict(sent.values_list("idempotency_key").annotate(Min("sent_at")))
    held_back = _held_back(runs)
    return [
        {
            **told,
            "follows": (
                _(
                    "It is sent again. If that works, the workflow learns that it happened, and goes on:"
                    " %(news)s."
                )
                % {"news": news(run)}
                + f" {held_back[run.pk]}"
            ).strip(),
            "warning": _if_it_did(run),
            "protection": _protection(run, first_sent.get(run.idempotency_key)),
            "agrees": may_see(Evidence) and outside_says(run, Verdict.NOT_APPLIED),
            "not_yet": proves_nothing_yet(run),
            "asks_first": asked_first(run, Verdict.NOT_APPLIED),
        }
        for run, told in zip(runs, attempted(runs), strict=True)
    ]


def skipped(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return `attempted`, what never follows once it is skipped, and the events that are skipped with it."""
    events = events_of(runs)
    return [
        {
            **told,
            "follows": _(
                "Nothing is sent. The workflow learns that it was skipped, and goes on. %(never)s"
            )
            % {"never": never_follows(run)},
            "skipped": events.get(run.pk, [])[:NAMED_AT_MOST],
            "skipped_more": max(0, len(events.get(run.pk, [])) - NAMED_AT_MOST),
            "warning": _if_skipped(run),
        }
        for run, told in zip(runs, attempted(runs), strict=True)
    ]


def retried(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return `attempted`, what a retry does now, and what follows if it works."""
    held_back = _held_back(runs)
    return [
        {
            **told,
            "follows": f"{_goes_on(run)} {held_back[run.pk]}".strip(),
            "caution": _refused_before(run),
        }
        for run, told in zip(runs, attempted(runs), strict=True)
    ]


def _goes_on(run: Run) -> str:
    effect = run.settled_mutation
    if (
        effect is not None
        and effect.status != Mutation.Status.APPLIED
        and only_next_is_missing(run)
    ):
        return _("A new run takes over, and the workflow goes on without the effect.")
    told = _("A new run takes over. If it works, the workflow goes on: %(news)s.")
    return told % {"news": news(run)}


def asked_again(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return `attempted`, and what follows from either answer of the outside system."""
    told_of_all = _(
        "If the outside system says that it happened, the workflow goes on: %(news)s. If it says that it"
        " did not, a new run does it."
    )
    return [
        {**told, "follows": told_of_all % {"news": news(run)}}
        for run, told in zip(runs, attempted(runs), strict=True)
    ]


def _refused_before(run: Run) -> str:
    if run.failure_kind != Run.FailureKind.REJECTED:
        return ""
    return _(
        "The outside system refused it for good: sent again, it will probably be refused again, unless"
        " something has changed there."
    )


def _says(run: Run) -> str:
    """Return what all answers of the outside system about the blocked `run` say, as far as the person may see it."""
    return said(run) if may_see(Evidence) else ""


def _said(run: Run) -> str:
    """Return that in a sentence, or that they contradict each other; nothing if there is none."""
    says = _says(run)
    if says == Verdict.APPLIED:
        return _("The outside system says that it happened.")
    if says == Verdict.NOT_APPLIED:
        return _("The outside system says that it did not happen.")
    if may_see(Evidence) and run.status == Run.Status.BLOCKED and definite(run):
        return _("The answers of the outside system contradict each other.")
    return ""


def _if_it_did_not(run: Run) -> str:
    """Say what is lost if a person says that it happened, and what that stands on; nothing if on their word alone."""
    told = _said(run)
    if not told:
        return ""
    look = "" if _says(run) else _("Look in the outside system first.")
    lost = _("If it did not happen, nobody will ever do it.")
    return " ".join(filter(None, (told, lost, look)))


def _if_skipped(run: Run) -> str:
    told = _said(run)
    lost = _(
        "The workflow does not learn that. Nothing follows as after a success. This can't be undone."
    )
    return f"{told} {lost}" if told else ""


def _if_it_did(run: Run) -> str:
    """Say what is done twice if it did happen; what the outside system says, where that speaks for the person, is enough."""
    told = _said(run)
    if may_see(Evidence) and outside_says(run, Verdict.NOT_APPLIED):
        return told
    look = "" if _says(run) else _("Look in the outside system first.")
    run = shown(run)
    mutation = run.settled_mutation if may_see(Mutation) else None
    what = f"{mutation.mutator} → {mutation.target}" if mutation and mutation.target else str(run)
    twice = _("If it did happen, doing it again makes a duplicate: %(what)s.") % {"what": what}
    return " ".join(filter(None, (told, twice, look)))


def _protection(run: Run, first_sent: datetime | None) -> str:
    """Say for how long the key keeps it from being done twice, if it does."""
    mutation = run.settled_mutation if may_see(Mutation) else None
    mutator = registry.mutator(run.workflow.slug, mutation.mutator) if mutation else None
    if mutator is None or first_sent is None:
        return _("Whether anything keeps it from being done twice is not known here.")
    if not mutator.says("key_lasts"):
        return _(
            "Perhaps nothing keeps it from being done twice: nobody has said whether this outside system honours"
            " the key."
        )
    if mutator.key_lasts is None:
        return _(
            "Nothing keeps it from being done twice: this outside system does not honour the key."
        )
    until = first_sent + mutator.key_lasts
    at = {"at": f"{timezone.localtime(until):%Y-%m-%d %H:%M %Z}"}
    if until <= timezone.now():
        return (
            _(
                "Nothing keeps it from being done twice: the outside system honoured the key until %(at)s."
            )
            % at
        )
    return _("Until %(at)s the key keeps it from being done twice; after that nothing does.") % at


def _held_back(runs: Sequence[Run]) -> dict[int, str]:
    """Say of each run whether its call waits for something, or goes out although others wait."""
    closed = Breaker.Status.CLOSED
    breakers = Breaker.objects.filter(handler__in={run.handler_id for run in runs})
    is_open = set(breakers.exclude(status=closed).values_list("handler", flat=True))
    told = {}
    for run in runs:
        told[run.pk] = sentence = ""
        if only_next_is_missing(run):
            continue
        if run.handler_id in is_open:
            sentence = _(
                "The circuit breaker of %(consumer)s is open: the outside system gave no answers of late."
                " It does not hold this call back."
            ) % {"consumer": run.handler.name}
        if run.workflow.status == Workflow.Status.PAUSED:
            paused = _("The workflow is paused: it goes on when somebody resumes it.")
            sentence = f"{sentence} {paused}"
        told[run.pk] = sentence.strip()
    return told
