"""The server restarts, crashes and hangs up in the middle of a stream of events (P1, P2, P3).

Nobody is asked anything, not even about a call that can't be looked up: the workers live on, and know
what they have sent and what was answered.
"""

from __future__ import annotations

import os

import pytest

from tests.away.databases import Database
from tests.away.stream import Stream

#: More make it a long test: AWAY_ROUNDS=100 make test ARGS=tests/away/test_restarts.py
ROUNDS = int(os.environ.get("AWAY_ROUNDS", "1"))


@pytest.mark.parametrize("mode", [pytest.param("fast", marks=pytest.mark.long), "immediate"])
def test_a_restart_of_the_server_loses_and_doubles_nothing(
    mode: str, database: Database, stream: Stream
) -> None:
    for _ in range(ROUNDS):
        stream.is_under_way()
        database.stop(mode)
        stream.is_told("database.away")
        database.start()
    stream.is_under_way()
    stream.comes_to_its_end()


def test_sessions_that_are_ended_again_and_again_cost_nothing(
    database: Database, stream: Stream
) -> None:
    for _ in range(3 * ROUNDS):
        # A worker has an answer to write when its sessions are gone.
        stream.outside.hold("mute-1/after")
        stream.publish(2)
        stream.outside.wait_for("mute-1/after")
        database.hang_up()
        stream.outside.release("mute-1/after")
    stream.comes_to_its_end()
