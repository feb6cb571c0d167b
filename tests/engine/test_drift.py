"""A worker whose clock differs from the database's says so, in its log and to `doctor`."""

from __future__ import annotations

import re
import socket

import pytest

from tests.clocks import database_ahead
from tests.engine.stage import NOW, Deploy, code, consumer, row, send, status_of
from workflows_app.engine.host import Host
from workflows_app.models import MachineClock

pytestmark = pytest.mark.django_db


def _work(host: Host) -> None:
    assert host.claim(row().pk)
    while host.holdings:
        host.step()


def _told(caplog: pytest.LogCaptureFixture) -> list[float]:
    """Return the differences that the log tells of."""
    machine = re.escape(socket.gethostname())
    line = re.compile(rf"clock\.differs machine={machine} seconds=([+-]\d+\.\d): .*clock")
    found = [line.fullmatch(record.getMessage()) for record in caplog.records]
    return [float(match[1]) for match in found if match]


@pytest.mark.parametrize("ahead", [3600, -3600, 1.5])
def test_a_clock_that_differs_is_told_once_until_it_is_right_again(
    deploy: Deploy, caplog: pytest.LogCaptureFixture, ahead: float
) -> None:
    deploy(code(consumer()))
    send("1")
    MachineClock.objects.create(machine="another", seconds_ahead=7, seen_at=NOW)
    host = Host(at_once=1, clock=lambda: NOW, inline=True)
    with database_ahead(-ahead):
        _work(host)
        _work(host)

    told = pytest.approx(ahead, abs=0.3)
    assert status_of("1") == "consumed", "nothing is decided by it"
    assert _told(caplog) == [told]
    here = MachineClock.objects.filter(machine=socket.gethostname())
    assert here.get().seconds_ahead == told
    here.update(seen_at=NOW)
    with database_ahead(-ahead):
        _work(Host(at_once=1, clock=lambda: NOW, inline=True))
    assert here.get().seen_at < NOW, "another worker has seen it anew"
    caplog.clear()

    _work(host)
    assert MachineClock.objects.get().machine == "another"
    with database_ahead(-ahead):
        _work(host)
    assert _told(caplog) == [told]


def test_half_a_second_is_no_difference(deploy: Deploy, caplog: pytest.LogCaptureFixture) -> None:
    deploy(code(consumer()))
    with database_ahead(0.5):
        _work(Host(at_once=1, clock=lambda: NOW, inline=True))

    assert (_told(caplog), MachineClock.objects.count()) == ([], 0)
