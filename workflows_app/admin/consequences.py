"""What follows from a decision about a run, and what is lost if the person is wrong, from this run's own data.

Rows hint, dialogs tell in full, and operations do it: each sentence is made here, once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Min, prefetch_related_objects
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workflows_app import registry
from workflows_app.admin.seeing import may_see, shown
from workflows_app.admin.visible import visible
from workflows_app.models import Breaker, Evidence, Mutation, OperatorAction, Run, Workflow
from workflows_app.operations.asking import PROBE_SECONDS, answer_about, can_ask, outside_says
from workflows_app.queries.explanation import late_answer
from workflows_app.queries.taking import taken_by

#: The most characters of parameters and payloads of each row in a preview of many.
SHOWN_AMONG_MANY = 1_000


def in_short(value: Any, *, among: int) -> SafeString | str:
    """Return `value` as JSON, escaped and cut, where it is one `among` many; alone it is shown as a table."""
    if among == 1:
        return ""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if len(text) > SHOWN_AMONG_MANY:
        cut = _("(cut; %(number)s characters: its own page shows all)")
        text = f"{text[:SHOWN_AMONG_MANY]} … {cut % {'number': f'{len(text):,}'}}"
    return format_html('<pre class="ops-json">{}</pre>', visible(text))


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
            % {"news": _news(run)},
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
                % {"news": _news(run)}
                + f" {held_back[run.pk]}"
            ).strip(),
            "warning": _if_it_did(run, first_sent.get(run.idempotency_key)),
            "asks_first": _asks_first(run),
        }
        for run, told in zip(runs, attempted(runs), strict=True)
    ]


def skipped(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return `attempted`, and what does not follow once it is skipped."""
    return [
        {
            **told,
            "follows": _(
                "Nothing is sent. The workflow learns that it was skipped, and goes on: %(no_news)s"
            )
            % {"no_news": _no_news(run)},
            "warning": _if_skipped(run),
        }
        for run, told in zip(runs, attempted(runs), strict=True)
    ]


def retried(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return `attempted`, and what a retry does now."""
    held_back = _held_back(runs)
    return [
        {**told, "follows": held_back[run.pk], "caution": _refused_before(run)}
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
    if outside_says(run, Evidence.Verdict.NOT_APPLIED):
        return _("The outside system says that it did not happen, and I have no doubt")
    run = shown(run)
    mutation = run.settled_mutation
    if mutation is None:
        return _("I looked for it in the outside system, and it is not there")
    what = visible(mutation.target or mutation.mutator)
    if not run.title:
        return _("I looked for %(what)s in the outside system, and it is not there") % {
            "what": what
        }
    title = visible(run.title)
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


def _news(run: Run) -> str:
    """Say what the consumer of `run` may publish when its effect has happened."""
    topics = _topics(run)
    if topics is None:
        return _("what it publishes is not known here")
    if not topics:
        return _("nothing is published")
    told = ngettext("%(topics)s is published", "%(topics)s are published", len(topics))
    return told % {"topics": _(" and ").join(topics)}


def _no_news(run: Run) -> str:
    topics = _topics(run)
    if topics is None:
        return _(
            "what it would have published is not known here, and whoever waits for that is not told."
        )
    if not topics:
        return _("nothing is published.")
    told = ngettext(
        "%(topics)s is not published as after a success, and whoever waits for that is not told.",
        "%(topics)s are not published as after a success, and whoever waits for that is not told.",
        len(topics),
    )
    return told % {"topics": _(" and ").join(topics)}


def _topics(run: Run) -> list[str] | None:
    workflow = registry.get(run.workflow.slug)
    handler = workflow.handler_named(run.handler.name) if workflow else None
    return list(handler.publishes) if handler is not None else None


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
