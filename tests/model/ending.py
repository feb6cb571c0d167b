"""The good end of every story: trouble stops, people settle what waits for them, and all is done.

The liveness half of P2. Whatever happened before, with a healthy outside system, code that has all
its handlers and people who look at the truth, every event comes to be consumed or skipped.
"""

from __future__ import annotations

from tests.model.people import Press
from tests.model.records import lineage_connects
from tests.model.rows import Row, Rows
from tests.model.shop import FULL, TOLD
from tests.model.world import World

DAYS = 60


def come_to_a_good_end(world: World) -> None:
    """Settle everything. Fails with the promise that was broken, or with what never ended."""
    world.bank.asks = []
    _release_all_handlers(world)
    for _ in range(DAYS):
        world.host_works()
        world.check()
        if _is_all_done(world.rows):
            for sending in world.lost_answers():
                world.answer_arrives(sending)
            lineage_connects(world.rows)
            return
        see_to_what_waits(world)
        world.check()
        world.pass_time(86_400)
    left = [world.rows.name(event) for event in _unfinished(world.rows)]
    raise AssertionError(f"P2: never consumed nor skipped: {', '.join(left) or 'a run is left'}")


def _release_all_handlers(world: World) -> None:
    if world.releases.edition != FULL:
        world.release(world.releases.next_free(), FULL)


def see_to_what_waits(world: World, what: str = "") -> None:
    """Somebody presses `what` for a blocked run, else what the truth is; resumes, and retries."""
    if world.rows.workflow["status"] == "paused":
        world.press(Press("olga", "resume_workflow", world.rows.workflow))
    rows = world.rows
    for run in rows.open_runs:
        if what == "decide_now" and run["status"] == "reconciling":
            world.press(Press("otto", what, run))
        elif run["status"] == "blocked":
            chosen = "" if what == "decide_now" else what
            world.press(Press("otto", chosen or _truth_about(world, run), run))
    for owing in rows.owing_runs:
        if owing["retry_due_at"] is None:
            world.press(Press("otto", "retry_failed_run", owing))


def _truth_about(world: World, run: Row) -> str:
    """Return what to press, after a look at the bank."""
    if not world.bank.happened(run["idempotency_key"]):
        return "it_didnt_happen"
    is_payment = world.rows["Handler"][run["handler_id"]]["name"] == "PayOrders"
    return "try_again" if is_payment else "it_happened"


def _is_all_done(rows: Rows) -> bool:
    return not (rows.open_runs or rows.owing_runs or _unfinished(rows))


def _unfinished(rows: Rows) -> list[Row]:
    """Return the events that somebody is there to consume, and that are neither consumed nor skipped."""
    return [
        event
        for event in rows["Event"].values()
        if event["status"] in ("pending", "reserved")
        and rows["Topic"][event["topic_id"]]["name"] != TOLD
    ]
