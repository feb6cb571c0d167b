"""The circuit breaker of a consumer, moved by the outcomes of its calls (P8)."""

from __future__ import annotations

import logging

from workflows_app.engine.case import Case
from workflows_app.engine.log import say
from workflows_app.models import Breaker
from workflows_app.models.saving import save_with_history


def count_unknown(case: Case) -> None:
    """Count an unknown outcome of a call. Enough of them in a row open the breaker. Needs the lock."""
    limit = case.policy.breaker_after_unknowns
    if not limit:
        return
    handler_id = case.run.handler_id
    breaker = case.breakers.get(handler_id)
    if breaker is None:
        breaker = case.breakers[handler_id] = Breaker(handler_id=handler_id)
    breaker.unknowns += 1
    reason = f"the outcome of run {case.run.pk} is unknown, {breaker.unknowns} in a row"
    was_trial = breaker.status == Breaker.Status.HALF_OPEN
    if was_trial or (breaker.lets_calls_out and breaker.unknowns >= limit):
        _open(case, breaker)
    save_with_history(breaker, reason=reason)


def put_off_trial(case: Case) -> None:
    """A call never left, which says nothing of the outside system: another trial is made later. Needs the lock."""
    breaker = case.breakers.get(case.run.handler_id)
    if breaker is not None and breaker.status == Breaker.Status.HALF_OPEN:
        _open(case, breaker)
        save_with_history(breaker, reason=f"run {case.run.pk} sent nothing")


def _open(case: Case, breaker: Breaker) -> None:
    trial_at = case.now + case.policy.backoff(breaker.openings + 1)
    breaker.open(now=case.now, trial_at=trial_at)
    case.changes.breaker_opened = True
    say(
        logging.ERROR,
        "breaker.opened workflow=%s consumer=%s unknowns=%s trial_at=%s: no new call goes out; "
        "look at the outside system, or press Send again (close_breaker)",
        case.workflow.slug,
        case.run.handler.name,
        breaker.unknowns,
        f"{trial_at:%Y-%m-%dT%H:%M:%S%z}",
    )


def count_definite(case: Case) -> None:
    """The outside system gave a definite answer: calls go out again. Needs the lock."""
    breaker = case.breakers.get(case.run.handler_id)
    if breaker is None or not (breaker.unknowns or not breaker.lets_calls_out):
        return
    if breaker.lets_calls_out:
        breaker.unknowns = 0
    else:
        breaker.close()
        facts = (case.workflow.slug, case.run.handler.name)
        say(logging.WARNING, "breaker.closed workflow=%s consumer=%s", *facts)
    save_with_history(breaker, reason=f"a definite answer about run {case.run.pk}")


def try_one(breaker: Breaker, *, which: str) -> None:
    """Let one run through an open breaker whose time is over. Needs the lock."""
    breaker.let_one_through()
    save_with_history(breaker, reason=f"a trial: {which}")
