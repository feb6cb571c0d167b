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
from workflows_app.admin.seeing import may_see, shown
from workflows_app.admin.values import in_short
from workflows_app.admin.visible import visible
from workflows_app.admin.what_follows import NAMED_AT_MOST, events_of, never_follows, news
from workflows_app.models import Breaker, Evidence, Mutation, OperatorAction, Run, Workflow
from workflows_app.operations.asking import PROBE_SECONDS, answer_about, can_ask, outside_says
from workflows_app.queries.explanation import late_answer
from workflows_app.queries.taking import taken_by


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
            "asks_first": _asks_first(run),
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
            "warning": _if_it_did(run, first_sent.get(run.idempotency_key)),
            "asks_first": _asks_first(run),
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
    told_of_all = _("A new run takes over. If it works, the workflow goes on: %(news)s.")
    return [
        {
            **told,
            "follows": f"{told_of_all % {'news': news(run)}} {held_back[run.pk]}".strip(),
            "caution": _refused_before(run),
        }
        for run, told in zip(runs, attempted(runs), strict=True)
    ]


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


def looked(run: Run) -> str:
    """Return what a person ticks who says that it did not happen."""
    if may_see(Evidence) and outside_says(run, Evidence.Verdict.NOT_APPLIED):
        return _("The outside system says that it did not happen, and I have no doubt")
    run = shown(run)
    mutation = run.settled_mutation if may_see(Mutation) else None
    what = visible(mutation.target or mutation.mutator) if mutation else ""
    title = visible(run.title)
    if not title and not what:
        return _("I looked for it in the outside system, and it is not there")
    if not title:
        return _("I looked for %(what)s in the outside system, and it is not there") % {
            "what": what
        }
    if what in title:
        told = _("I looked for “%(title)s” in the outside system, and it is not there")
        return told % {"title": title}
    told = _("I looked for “%(title)s” (%(what)s) in the outside system, and it is not there")
    return told % {"title": title, "what": what}


def _asks_first(run: Run) -> str:
    if not can_ask(run):
        return ""
    return _(
        "When you confirm, the outside system is asked first, for %(seconds)s seconds at most. If it"
        " says clearly that it happened, or that it did not, that counts, and not what you say."
    ) % {"seconds": f"{PROBE_SECONDS:g}"}


def _said(run: Run) -> str:
    """Return what the outside system says about `run`, as far as the person may see it; nothing if it says nothing."""
    answer = answer_about(run) if may_see(Evidence) else None
    if answer is None:
        return ""
    if answer.verdict == Evidence.Verdict.APPLIED:
        return _("The outside system says that it happened.")
    return _("The outside system says that it did not happen.")


def _if_it_did_not(run: Run) -> str:
    """Say what is lost if a person says that it happened, and what that stands on."""
    said = _said(run)
    return f"{said} {_('If it did not happen, nobody will ever do it.')}" if said else ""


def _if_skipped(run: Run) -> str:
    said = _said(run)
    lost = _(
        "The workflow does not learn that. Nothing follows as after a success. This can't be undone."
    )
    return f"{said} {lost}" if said else ""


def _if_it_did(run: Run, first_sent: datetime | None) -> str:
    """Say what is done twice if it did happen, what stands against that, and what the outside system says."""
    said = _said(run)
    run = shown(run)
    mutation = run.settled_mutation if may_see(Mutation) else None
    what = f"{mutation.mutator} → {mutation.target}" if mutation and mutation.target else str(run)
    mutator = registry.mutator(run.workflow.slug, mutation.mutator) if mutation else None
    if mutator is None or mutator.key_lasts is None or first_sent is None:
        told = _(
            "If it did happen, doing it again makes a duplicate: %(what)s. Nothing protects from that."
        )
        until = timezone.now()
    else:
        until = first_sent + mutator.key_lasts
        if until <= timezone.now():
            told = _(
                "If it did happen, doing it again makes a duplicate: %(what)s. Nothing protects from that"
                " any more: the outside system honoured the key until %(at)s."
            )
        else:
            told = _(
                "If it did happen, doing it again makes a duplicate from %(at)s on: %(what)s. Until then the"
                " outside system honours the key, and a second call with it does nothing."
            )
    told %= {"what": what, "at": f"{timezone.localtime(until):%Y-%m-%d %H:%M}"}
    return f"{said} {told}" if said else f"{told} {_('Look in the outside system first.')}"


def _held_back(runs: Sequence[Run]) -> dict[int, str]:
    """Say of each run whether its call waits for something, or goes out although others wait."""
    closed = Breaker.Status.CLOSED
    breakers = Breaker.objects.filter(handler__in={run.handler_id for run in runs})
    is_open = set(breakers.exclude(status=closed).values_list("handler", flat=True))
    told = {}
    for run in runs:
        sentence = ""
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
