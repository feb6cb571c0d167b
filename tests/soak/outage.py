"""An outage of the outside system in the middle of the soak, and the damage that it did (P8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q

from tests.crash.scenario import TOPIC
from tests.soak.bank import Bank
from tests.soak.workers import BREAKER_AFTER_UNKNOWNS, LANES_AT_ONCE, Crew
from workflows_app.engine.recovery import LOST
from workflows_app.models import Breaker, Event, Evidence, Mutation, OperatorAction
from workflows_app.models.clocks import database_now

#: What a breaker that is closed lets become unknown, at most: the unknowns before the one that opens
#: it, each of whose lanes left its place to another, and all calls that are under way at that moment.
DOZEN = BREAKER_AFTER_UNKNOWNS - 1 + LANES_AT_ONCE


class Outage:
    """Begins and ends by the seconds that the soak has run."""

    def __init__(self, bank: Bank, crew: Crew, *, begins: float, lasts: float) -> None:
        self.began_at: datetime | None = None
        self._ended_at: datetime | None = None
        self._bank = bank
        self._crew = crew
        self._begins, self._ends = begins, begins + lasts
        self._kills = 0
        self._waiting = 0

    def is_near(self, seconds: float) -> bool:
        return self._begins - 5 < seconds < self._begins

    def follow(self, seconds: float) -> None:
        """Begin it or end it, if it is time."""
        if self.began_at is None and seconds >= self._begins:
            self._bank.is_away = True
            self.began_at = database_now()
            self._kills = -self._crew.kills
        if self._bank.is_away and seconds >= self._ends:
            self._waiting = Event.objects.filter(topic__name=TOPIC, status="pending").count()
            self._kills += self._crew.kills
            self._ended_at = database_now()
            self._bank.is_away = False

    def report(self, slugs: list[str]) -> dict[str, Any]:
        """Return what the ledger says of it, for all and by consumer."""
        if self.began_at is None or self._ended_at is None:
            return {}
        return {
            "minutes": round((self._ended_at - self.began_at).total_seconds() / 60, 1),
            "kills": self._kills,
            "events_waiting_at_its_end": self._waiting,
            "consumers": {
                slug: self._damage(slug, self.began_at, self._ended_at) for slug in slugs
            },
        }

    def _damage(self, slug: str, began: datetime, ended: datetime) -> dict[str, int]:
        """Return how many outcomes of a consumer's calls became unknown, and how many may.

        May: those in flight when it began and a dozen more. Besides, one for each trial; for each call
        that a person ordered, which no breaker holds back; for each call whose worker was killed under
        it, which says nothing of the outside, so that no breaker counts it; and for each Send again
        whatever a closed breaker lets out.
        """
        calls = Mutation.objects.filter(run__workflow__slug=slug)
        in_flight = calls.filter(sent_at__lt=began).filter(
            Q(ended_at=None) | Q(ended_at__gte=began)
        )
        unknown = Evidence.objects.filter(
            kind="execute",
            verdict="unknown",
            created_at__gte=began,
            mutation__sent_at__lt=ended,
            mutation__run__workflow__slug=slug,
        )
        breakers = Breaker.history.filter(
            handler__workflow__slug=slug, history_date__range=(began, ended)
        )
        decisions = OperatorAction.objects.filter(
            workflow__slug=slug, created_at__range=(began, ended)
        )
        damage = {
            "in_flight": in_flight.count(),
            "unknown_of_these": unknown.filter(mutation__in=in_flight).count(),
            "unknown_later": unknown.exclude(mutation__in=in_flight).count(),
            "trials": breakers.filter(status="half_open").count(),
            "ordered": decisions.filter(
                operation__in=["it_didnt_happen", "retry_failed_run"]
            ).count(),
            "killed": unknown.filter(detail=LOST).exclude(mutation__in=in_flight).count(),
            "send_again": decisions.filter(operation="close_breaker").count(),
        }
        each = ("in_flight", "trials", "ordered", "killed")
        damage["allowed"] = sum(damage[name] for name in each) + DOZEN * (1 + damage["send_again"])
        return damage


def faults_in(report: dict[str, Any]) -> list[str]:
    """Return of whom the outage left more unknown outcomes than it may."""
    return [
        f"{slug}: the outage left {unknown} unknown outcomes, {damage['allowed']} are allowed"
        for slug, damage in report.get("consumers", {}).items()
        if (unknown := damage["unknown_of_these"] + damage["unknown_later"]) > damage["allowed"]
    ]
