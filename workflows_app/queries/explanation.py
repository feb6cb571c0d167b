"""What a person needs to know about a run to answer "did it happen?" (P3, P5)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.models import Event, Evidence, Input, Mutation, OperatorAction, Run
from workflows_app.models.saving import storable
from workflows_app.queries import lanes, lineage
from workflows_app.queries.behind import Behind, waiting_behind
from workflows_app.queries.fates import Fate, fates_of
from workflows_app.queries.plain_words import why_unknown
from workflows_app.queries.recorded import in_readers_words
from workflows_app.queries.taking import taken_by
from workflows_app.sdk.json_values import copied
from workflows_app.sdk.patience import PAGE_SECONDS, answer_within

logger = logging.getLogger("workflows_app")

#: How many attempts before and after this one are shown.
ATTEMPTS_SHOWN = 10
#: How many events are shown of which one may be at fault.
SUSPECTS_SHOWN = 10
#: How many calls to the outside system are shown, the newest.
EVIDENCE_SHOWN = 100


@dataclass(frozen=True)
class Explanation:
    """All about one run, for its page."""

    run: Run
    mutation: Mutation | None
    #: The oldest first; of many the newest.
    evidence: list[Evidence]
    late: Evidence | None
    #: The host's own words for what holds it up, for those who maintain the workflow.
    why: str
    #: Why nobody knows whether it happened, in sentences for people. Empty if it is known.
    in_words: list[str]
    verification_steps: str
    #: Where a person looks, or nothing.
    verification_url: str
    inputs: list[Input]
    reserved: list[Fate]
    #: If it reserved none: the pending events of its lane of which one may be at fault.
    suspects: list[Event]
    published: list[Event]
    decisions: list[OperatorAction]
    #: What people found out and wrote down, and who looked into it before, the newest first.
    notes: list[OperatorAction]
    #: By which somebody said that they look into it; nothing if nobody does.
    taking: OperatorAction | None
    attempts: list[Run]
    #: What waits in its lane, if it holds that up.
    behind: Behind | None


def explain(run: Run) -> Explanation:
    """Collect what is known about `run`. It runs the author's code for how to check by hand."""
    mutation = run.settled_mutation
    newest = mutation.evidence.order_by("-pk")[:EVIDENCE_SHOWN] if mutation else []
    evidence = list(newest)[::-1]
    reserved = list(lineage.events_reserved_by(run))
    actions = list(lineage.decisions_on_run(run))
    is_unknown = mutation is not None and mutation.status in Mutation.UNKNOWN
    taking = taken_by([run.pk]).get(run.pk)
    return Explanation(
        run=run,
        mutation=mutation,
        evidence=evidence,
        late=_loud(late_answer(evidence), mutation),
        why=why_it_waits(run),
        in_words=why_unknown(evidence) if is_unknown else [],
        verification_steps=_verification_steps(run, mutation),
        verification_url=_verification_url(run, mutation),
        inputs=list(lineage.inputs_of_run(run)),
        reserved=fates_of(reserved),
        suspects=[] if reserved else suspects_of(run),
        published=list(lineage.events_published_by(run)),
        decisions=[each for each in actions if each.operation not in OperatorAction.REMARKS],
        notes=[
            each for each in actions if each.operation in OperatorAction.REMARKS and each != taking
        ],
        taking=taking,
        attempts=_attempts(run),
        behind=waiting_behind(run) if _holds_up(run) else None,
    )


def _holds_up(run: Run) -> bool:
    waits = (Run.Status.BLOCKED, Run.Status.RECONCILING)
    return run.status in waits or run.owes_retry


def late_answer(evidence: Iterable[Evidence]) -> Evidence | None:
    """Return the newest answer that came too late and says whether it happened.

    The host changes no state by it: whoever decides must not overlook it.
    """
    late = [item for item in evidence if item.kind == Evidence.Kind.LATE]
    telling = [item for item in late if item.verdict != Evidence.Verdict.UNKNOWN]
    return telling[-1] if telling else None


def _loud(late: Evidence | None, mutation: Mutation | None) -> Evidence | None:
    """Return a late answer that somebody must act on: the question is open, or the ledger says otherwise."""
    is_open = mutation is not None and mutation.status in Mutation.UNKNOWN
    return late if late is not None and (is_open or late.contradicts) else None


def why_it_waits(run: Run) -> str:
    """Return the host's reason for what holds it up; nothing if nothing does. One query."""
    return in_readers_words(Run.objects.filter(pk=run.pk).values_list(lanes.why()).get()[0])


def suspects_of(run: Run) -> list[Event]:
    """Return what an ended run that took nothing probably looked at: the oldest events of its lane."""
    if not (run.owes_retry and run.status in (Run.Status.FAILED, Run.Status.CRASHED)):
        return []
    waiting = Event.objects.filter(
        topic__consumer=run.handler_id, lane=run.lane, status=Event.Status.PENDING
    ).select_related("topic")
    return list(waiting.defer("payload").order_by(Event.IN_ORDER)[:SUSPECTS_SHOWN])


def _verification_steps(run: Run, mutation: Mutation | None) -> str:
    """Return the author's words on how to check, or that these could not be computed. Nothing if the author has none."""
    # No page can be sent with half a surrogate pair.
    return storable(_said_by_author(run, mutation, "verification_steps"))


def _verification_url(run: Run, mutation: Mutation | None) -> str:
    """Return the address at which a person looks. Nothing if the author has none that a browser opens."""
    url = _said_by_author(run, mutation, "verification_url").strip()
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()
    except ValueError:
        is_web = False
    return url if is_web else ""


def _said_by_author(run: Run, mutation: Mutation | None, method: str) -> str:
    """Return what a method of the mutator's code says about the call; nothing if it has none."""
    code = registry.mutator(run.workflow.slug, mutation.mutator) if mutation else None
    if mutation is None or not hasattr(code, method):
        return ""
    params = copied(mutation.params)

    def say() -> str:
        return str(getattr(code(), method)(params) or "") if code else ""

    try:
        seconds = min(PAGE_SECONDS, policy().handler_timeout_seconds)
        return answer_within(seconds, say, who=f"{mutation.mutator}.{method}")
    except Exception:
        # The author's code; its failure must not hide the page from whoever has to decide.
        logger.exception("mutator.verification_failed run=%s mutator=%s", run.pk, mutation.mutator)
        return _("could not be computed")


def _attempts(run: Run) -> list[Run]:
    """Return the attempts of this work around `run`, the first first."""
    attempts = [run]
    while attempts[0].retry_of is not None and len(attempts) <= ATTEMPTS_SHOWN:
        attempts.insert(0, attempts[0].retry_of)
    earlier = len(attempts)
    while len(attempts) < earlier + ATTEMPTS_SHOWN:
        later = Run.objects.filter(retry_of=attempts[-1]).first()
        if later is None:
            break
        attempts.append(later)
    return attempts
