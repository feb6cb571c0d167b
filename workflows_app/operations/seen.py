"""What a person was shown of a run or an event, and what is new since (P7).

A page, a preview or a row of JSON carries a `Seen`; the decision brings it back. If anything is known by then
that it did not show, the decision is refused (`stale`), and told what that is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Max
from django.utils.translation import gettext as _

from workflows_app.errors import OperationRefused
from workflows_app.masking import masked, names_for
from workflows_app.models import Event, Evidence, OperatorAction, Run
from workflows_app.operations.refusals import may_read_reasons
from workflows_app.queries.waiting import day_and_time

_FORM = re.compile(r"e(?P<evidence>\d{1,18})-d(?P<decision>\d{1,18})|r(?P<revision>\d{1,9})")
#: How much of a changed payload is told.
_PAYLOAD_LENGTH = 500


@dataclass(frozen=True)
class Seen:
    """Of a run: its newest evidence and decision, 0 if there were none. Of an event: its revision.

    A decision that is None was not told, and is not compared. As text, for forms and JSON: `e17-d3` or `r2`.
    """

    evidence: int | None = None
    decision: int | None = None
    revision: int | None = None

    def __str__(self) -> str:
        if self.revision is not None:
            return f"r{self.revision}"
        return f"e{self.evidence or 0}-d{self.decision or 0}"

    @classmethod
    def read(cls, seen: Any) -> Seen:
        """Return what `seen` says: a `Seen`, its text, or an `Evidence` (or its id), the newest that was shown.

        Raises OperationRefused (`stale`).
        """
        if isinstance(seen, cls):
            return seen
        if isinstance(seen, Evidence):
            return cls(evidence=seen.pk)
        if isinstance(seen, int) and not isinstance(seen, bool):
            return cls(evidence=seen)
        found = _FORM.fullmatch(seen) if isinstance(seen, str) else None
        if found is None:
            raise OperationRefused(
                "stale",
                _("What was shown can't be read: %(shown)r. Open the page again.")
                % {"shown": str(seen)[:50]},
            )
        return cls(**{name: int(value) for name, value in found.groupdict().items() if value})


def seen_now(rows: Iterable[Run | Event]) -> dict[int, Seen]:
    """Return by their keys what is to be seen now of `rows`, all runs or all events. Two queries at most.

    Of runs their own and carried mutations are read.
    """
    found = list(rows)
    runs = [row for row in found if isinstance(row, Run)]
    if not runs:
        return {row.pk: Seen(revision=row.revision) for row in found if isinstance(row, Event)}
    mutations = {run.pk: run.settled_mutation for run in runs}
    effects = [mutation.pk for mutation in mutations.values() if mutation is not None]
    evidence = dict(
        Evidence.objects.filter(mutation__in=effects)
        .order_by()
        .values_list("mutation")
        .annotate(Max("pk"))
    )
    decisions = dict(
        OperatorAction.objects.filter(run__in=runs)
        .order_by()
        .values_list("run")
        .annotate(Max("pk"))
    )
    return {
        pk: Seen(evidence.get(mutation.pk if mutation else 0, 0), decisions.get(pk, 0))
        for pk, mutation in mutations.items()
    }


def require_seen(
    run: Run,
    seen: Any,
    *,
    actor: Any,
    asked: Evidence | None = None,
    asked_is_news: bool = False,
) -> Evidence | None:
    """Return the newest evidence that the person saw, or that there is if `seen` is None.

    Needs the workflow's lock to be sure. `asked`: what came of asking for this very decision: it is seen, unless
    `asked_is_news`. What `actor` wrote down is known to them. Raises OperationRefused (`stale`).
    """
    mutation = run.settled_mutation
    known = Evidence.objects.defer("detail", "traceback").filter(mutation=mutation).order_by("pk")
    evidence = list(known) if mutation is not None else []
    if seen is None:
        return evidence[-1] if evidence else None
    shown = Seen.read(seen)
    if shown.revision is not None:
        raise OperationRefused(
            "stale",
            _("“%(shown)s” is what was shown of an event, not of a run.") % {"shown": shown},
        )
    news = []
    newest = shown.evidence or 0
    if newest not in (0, *(item.pk for item in evidence)):
        raise OperationRefused(
            "stale",
            _("Evidence %(evidence)s is none of run %(run)s. Open its page again.")
            % {"evidence": newest, "run": run.pk},
        )
    known_verdicts = {item.verdict for item in evidence if item.pk <= newest}
    news += [
        _told(item)
        for item in evidence
        if item.pk > newest
        and (item != asked or asked_is_news)
        and not _says_nothing_new(item, known_verdicts)
    ]
    if shown.decision is not None:
        later = OperatorAction.objects.filter(run=run, pk__gt=shown.decision)
        own = {"actor": actor, "operation__in": OperatorAction.REMARKS}
        news += [_decided(action, actor) for action in later.exclude(**own).order_by("pk")]
    if news:
        raise OperationRefused(
            "stale",
            _(
                "Run %(run)s is not as you saw it. New: %(news)s. Nothing was decided: look at it again."
            )
            % {"run": run.pk, "news": "; ".join(news)},
        )
    if asked is not None:
        return asked
    return next((item for item in evidence if item.pk == newest), None)


def require_payload_seen(event: Event, seen: Any, *, actor: Any) -> None:
    """Refuse if `event` has another payload than `seen` says. Needs its row locked. `stale`."""
    if seen is None:
        return
    shown = Seen.read(seen)
    if shown.revision is None:
        raise OperationRefused(
            "stale",
            _("“%(shown)s” is what was shown of a run, not of an event.") % {"shown": shown},
        )
    if shown.revision == event.revision:
        return
    payload = json.dumps(masked(event.payload, names_for(actor)), ensure_ascii=False)
    if len(payload) > _PAYLOAD_LENGTH:
        payload = f"{payload[:_PAYLOAD_LENGTH]} …"
    raise OperationRefused(
        "stale",
        _(
            "Event %(event)s is not as you saw it: it was published again, and its payload is now"
            " %(payload)s. Nothing was decided: look at it again."
        )
        % {"event": event.message_id, "payload": payload},
    )


def _says_nothing_new(evidence: Evidence, known_verdicts: set[str]) -> bool:
    """Tell whether somebody else looked meanwhile, and heard no more than was shown."""
    return evidence.kind == Evidence.Kind.PROBE and (
        evidence.verdict == Evidence.Verdict.UNKNOWN or evidence.verdict in known_verdicts
    )


def _told(evidence: Evidence) -> str:
    return _("%(kind)s said on %(day)s at %(time)s: %(verdict)s") % {
        "kind": evidence.get_kind_display(),
        "verdict": evidence.get_verdict_display(),
        **day_and_time(evidence.created_at),
    }


def _decided(action: OperatorAction, reader: Any) -> str:
    chose = _("%(person)s chose “%(operation)s” on %(day)s at %(time)s") % {
        "person": action.actor_name,
        "operation": action.get_operation_display(),
        **day_and_time(action.created_at),
    }
    is_told = action.reason and may_read_reasons(reader)
    return f"{chose}: {action.reason}" if is_told else chose
