"""Makes the stage the same each time: where numbers begin, and a time of its own for each column of each row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, groupby
from operator import attrgetter

from tests.fixed import Moment, Numbers, moments, rewrite

#: Where the numbers of each table begin, in the order in which things come about: no two rows share a number.
TABLES = {
    "auth_user": 11,
    "workflows_app_workflow": 101,
    "workflows_app_workflowversion": 201,
    "workflows_app_handler": 301,
    "workflows_app_topic": 401,
    "workflows_app_lanestate": 501,
    "workflows_app_input": 1101,
    "workflows_app_event": 2101,
    "workflows_app_run": 3101,
    "workflows_app_reservation": 4101,
    "workflows_app_mutation": 5101,
    "workflows_app_evidence": 6101,
    "workflows_app_breaker": 701,
    "workflows_app_operatoraction": 7101,
    "workflows_app_alert": 801,
    "workflows_app_alertchoice": 851,
    "workflows_app_accountchange": 901,
    "workflows_app_savedfilter": 951,
    "workflows_app_historicalworkflow": 8101,
    "workflows_app_historicalworkflowversion": 8201,
    "workflows_app_historicalbreaker": 8301,
    "workflows_app_historicalevent": 9101,
    "workflows_app_historicalrun": 10101,
    "workflows_app_historicalmutation": 12101,
    "workflows_app_lease": 0,
    "procrastinate_jobs": 15101,
}
_NUMBERS = Numbers({table: number for table, number in TABLES.items() if number})
#: When the first thing happens.
BEGIN = datetime(2025, 12, 20, 6, 0, tzinfo=UTC)
_APART = timedelta(seconds=61)


def begin_numbers() -> None:
    """Let the next row of each table have the number where its table begins."""
    _NUMBERS.begin()
    # What the migrations gave their groups, whenever that was.
    rewrite([], "DELETE FROM workflows_app_accountchange")


def go_on_numbering() -> None:
    """Let the next row of each table have a number after the last: what was undone has left gaps."""
    _NUMBERS.go_on(apart=500)


def spread_times() -> None:
    """Give each column of each row a time of its own, near the one it had, in the order of tables and numbers."""
    rewrite(_spread(), *_REST)


def _spread() -> Iterator[tuple[Moment, datetime]]:
    found = [each for each in moments(TABLES) if each.column != "date_joined"]
    for at, same in groupby(sorted(found, key=attrgetter("at")), attrgetter("at")):
        for place, moment in zip(count(), same):
            yield moment, at + place * _APART


#: What depends on where the code is and how fast the machine is.
_REST = (
    "UPDATE workflows_app_evidence SET duration_ms = id * 3 - 18000",
    "UPDATE workflows_app_evidence SET traceback = 'Traceback of evidence ' || id WHERE traceback <> ''",
    "UPDATE workflows_app_run SET failure_traceback = 'Traceback of run ' || id"
    " WHERE status = 'failed'",
    "UPDATE workflows_app_historicalrun SET failure_traceback = 'Traceback of run ' || id"
    " WHERE failure_traceback <> ''",
    "UPDATE workflows_app_workflowversion SET source_digest = repeat(md5(id::text), 2)",
    "UPDATE workflows_app_historicalworkflowversion SET source_digest = repeat(md5(id::text), 2)",
    "UPDATE workflows_app_operatoraction SET address = '192.0.2.' || (id - 7000),"
    " session = md5(id::text) WHERE id % 2 = 0",
    # No two columns are alike.
    "UPDATE procrastinate_jobs SET attempts = id % 7 + 20, priority = id % 5 + 30,"
    " queueing_lock = 'queueing ' || id,"
    " scheduled_at = '2026-02-01T00:00Z'::timestamptz + (id - 15000) * interval '61 s'",
    "UPDATE workflows_app_breaker SET openings = id - 660",
    "UPDATE workflows_app_event SET revision = id % 7 + 2",
)
