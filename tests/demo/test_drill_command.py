"""`manage.py drill` as it is run: it stages, lets one log in, tells the score at Ctrl-C, and leaves nothing behind."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from tests.demo.runs import END_SECONDS, DemoProcess, is_left_behind
from tests.demo.test_serving import OPEN, free_port, logged_in
from tests.eventually import eventually


def test_it_stages_the_cases_and_tells_the_score_at_the_end(tmp_path: Path) -> None:
    drill = DemoProcess(tmp_path / "drill", f"--port={free_port()}", command="drill")
    try:
        eventually(
            lambda: OPEN.search(drill.stdout) is not None or drill.stderr != "",
            True,
            within_seconds=END_SECONDS,
        )
        # The inner process, the bank, the worker, and the web server with a process of its own.
        drill.wait_for_children(5)
        name = drill.run_name()
        opened = OPEN.search(drill.stdout)
        assert opened is not None, drill.stderr
        assert "Needs a person: 20" in logged_in(*opened.groups())

        drill.signal(signal.SIGINT)

        assert drill.wait() == 0
        assert drill.left_alive() == []
        assert not is_left_behind(name)
    finally:
        drill.stop()
    told = drill.stdout.splitlines()
    rows = [line for line in told if re.match(r" *\d+  INV-\d{4}   open ", line)]
    assert (len(rows), drill.stderr) == (20, "")
    assert told[-1] == "Score: 0 of 20 (0 right, 0 caught, 0 wrong, 20 open)."
