"""Dates that nobody here would have set: a clock was ahead when they were written, and what waits is due (P2).

All dates come from the database's clock. If that was wrong by a day, retries, questions and polls were put off
by a day; once it is right again, a date further away than any that the host sets is taken for now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from workflows_app.engine.holding import Holding, LaneView
from workflows_app.engine.planner import BreakerView, DueReconcile, OwedRetry
from workflows_app.sdk.handlers import Producer
from workflows_app.sdk.schedules import Cron, Every, due_after_if_known

#: Schedules of an author's own may be due a little earlier or later each time they are asked.
_OWN_SCHEDULES = 2


class Beliefs:
    """What is believed of dates in `holding` at `now`; all of them, unless it `doubts`."""

    def __init__(self, holding: Holding, now: datetime, *, doubts: bool) -> None:
        self._holding = holding
        self._now = now
        self._doubts = doubts

    def reconciles(self, found: Iterable[DueReconcile]) -> Iterator[DueReconcile]:
        """Return the questions to ask: none is put off for longer than its search lags and it backs off."""
        for one in found:
            longest = self._holding.longest_lag + self._holding.longest_backoff
            yield replace(one, due_at=self._within(one.due_at, longest))

    def retry(self, owed: OwedRetry) -> OwedRetry:
        """Return a retry: none is put off for longer than it backs off."""
        return replace(owed, due_at=self._within(owed.due_at, self._holding.longest_backoff))

    def breaker(self, view: BreakerView) -> BreakerView:
        """Return a breaker: its trial comes after a backoff."""
        return replace(view, trial_at=self._within(view.trial_at, self._holding.longest_backoff))

    def lane(self, view: LaneView) -> LaneView:
        """Return a lane: a consumer waits no longer than it may, a producer as long as its schedule says."""
        if not self._doubts or view.wake_at is None or view.wake_at <= self._now:
            return view
        return replace(view, wake_at=self._within(view.wake_at, self._longest_wait(view)))

    def _longest_wait(self, view: LaneView) -> timedelta:
        code = self._holding.codes.get(view.handler_id)
        if code is None or not issubclass(code, Producer):
            return timedelta(seconds=self._holding.policy.wake_max_seconds)
        schedule = self._holding.code.schedule_of(code)
        due_at = due_after_if_known(schedule, self._now)
        if due_at is None:
            return timedelta.max
        wait = due_at - self._now
        return wait if isinstance(schedule, Cron | Every) else wait * _OWN_SCHEDULES

    def _within(self, moment: datetime, longest: timedelta) -> datetime:
        is_believed = not self._doubts or moment - self._now <= longest
        return moment if is_believed else self._now
