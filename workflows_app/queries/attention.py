"""What needs a person, most urgent first (P2, P3).

Three things wait for somebody without anybody coming by itself: an outside effect of which nobody
knows whether it happened, a failed run that no date brings back, and an answer that came late and
says the opposite of what the ledger holds.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from workflows_app.models import Evidence, Run

#: How long a contradiction stays among what needs a person. In the ledger it stays for good.
CONTRADICTION_SHOWN_FOR = timedelta(days=30)


def blocked_runs() -> QuerySet[Run]:
    """Return the runs that only a person can settle, with `blocked_at`, longest waiting first."""
    became_blocked = (
        Run.history.model.objects.filter(id=OuterRef("pk"), status=Run.Status.BLOCKED)
        .order_by("-history_id")
        .values("history_date")[:1]
    )
    return (
        Run.objects.filter(status=Run.Status.BLOCKED)
        .select_related("workflow", "handler", "mutation")
        .annotate(blocked_at=Subquery(became_blocked))
        .order_by(F("blocked_at").asc(nulls_first=True), "pk")
    )


def failures_that_wait() -> QuerySet[Run]:
    """Return the failed runs that no backoff will retry: a person or a new version must."""
    return (
        Run.objects.filter(waits_without_date())
        .select_related("workflow", "handler")
        .order_by("ended_at", "pk")
    )


def waits_without_date() -> Q:
    """Return what makes a failed run wait for a person or a new version."""
    return Q(status=Run.Status.FAILED, owes_retry=True, retry_due_at=None)


def contradictions(*, now: datetime) -> QuerySet[Evidence]:
    """Return recent late answers that say the opposite of what the ledger holds, newest first."""
    return (
        Evidence.objects.filter(contradicts=True, created_at__gte=now - CONTRADICTION_SHOWN_FOR)
        .select_related("mutation__run__workflow")
        .order_by("-created_at", "-pk")
    )
