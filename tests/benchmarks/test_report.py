"""The tables of docs/performance.md come from a file of results, and from nowhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import plan
from tests.benchmarks.report import KEPT, PAGE, OtherMachine, filled, joined
from tests.benchmarks.results import Results
from tests.benchmarks.tables import KINDS

MACHINE: dict[str, Any] = {
    "processors": 8,
    "processor": "Abacus",
    "memory_gib": 16.0,
    "python": "3.12.1",
    "postgres": "18.1",
    "embedded": True,
    "settings": {"fsync": "on"},
    "packages": {"django": "5.2"},
}


def headline() -> dict[str, Any]:
    load = {"events": 1000, "workflows": 16, "events_a_run": 1, "payload_bytes": 1024}
    costs = {"worker_cpu_ms": 1.25, "commits": 5.0, "wal_syncs": 2.0, "wal_bytes": 9000.0}

    def lane(name: str, *rates: float) -> dict[str, Any]:
        rounds = [{"events_a_second": rate, **costs} for rate in rates]
        return {"id": name, "name": name, "load": load, "workers": 2, "rounds": rounds,
                "failed": "" if rates else "it stopped"}  # fmt: skip

    return {
        "kind": "comparison",
        "title": "A backlog",
        "began_at": "2026-01-02T03:04:05+00:00",
        "load_before": 0.1,
        "commit": "abc",
        "reference": "floor",
        "lanes": [lane("ours", 100.0, 300.0, 200.0), lane("floor", *(200.0,) * 3), lane("x")],
    }


def test_what_stands_between_the_marks_is_replaced_and_nothing_else() -> None:
    page = "# Fast\n\n<!-- bench: headline -->\nold\n<!-- end -->\n\nText.\n"

    assert filled(page, Results(MACHINE, {"headline": headline()})) == (
        "# Fast\n\n<!-- bench: headline -->\n"
        "A backlog (1,000 events of 1,024 bytes over 16 workflows, 1 a run; 3 rounds):\n\n"
        "|  | workers | events/s | lowest to highest | ratio | CPU ms | commits | fsyncs | WAL bytes |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| ours | 2 | 200 | 100 to 300 | 1.00 | 1.2 | 5.0 | 2.00 | 9,000 |\n"
        "| floor | 2 | 200 | 200 to 200 | 1.00 | 1.2 | 5.0 | 2.00 | 9,000 |\n"
        "| x | 2 | failed | – | – | – | – | – | – |\n"
        "<!-- end -->\n\nText.\n"
    )


def test_the_machine_its_day_and_who_was_left_out_are_named() -> None:
    page = "<!-- bench: machine -->\n<!-- end -->"
    results = Results(MACHINE, {"headline": headline()}, {"celery": "no Redis answers"})

    assert filled(page, results) == (
        "<!-- bench: machine -->\n"
        "Measured on 2026-01-02 at commit abc, on 8 processors (Abacus) and 16.0 GiB, which the"
        " workers, the server and the outside system share; at most 0.1 processes were ready to run"
        " when a part began. Python 3.12.1, PostgreSQL 18.1 (embedded): fsync on. django 5.2.\n\n"
        "Left out: celery: no Redis answers.\n"
        "<!-- end -->"
    )


def test_a_table_that_was_not_measured_says_so_and_is_written_next_time() -> None:
    once = filled(
        "<!-- bench: idle -->\nold\n<!-- end -->", Results(MACHINE, {"headline": headline()})
    )

    assert once == "<!-- bench: idle -->\nNot measured.\n<!-- end -->"
    assert filled(once, Results(MACHINE, {"headline": headline()})) == once


def test_the_page_has_a_place_for_every_part_that_is_measured() -> None:
    named = re.findall(r"<!-- bench: (\w+) -->", PAGE.read_text())

    assert sorted(named) == sorted(["machine", "goals", *(part.key for part in plan.whole())])
    assert {part.kind for part in plan.whole()} <= set(KINDS)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = Results(MACHINE, {"headline": headline()}, {"celery": "why"})
    written.write(tmp_path / "new" / "bench.json", goals=[])

    assert Results.read(tmp_path / "new" / "bench.json") == written


def test_parts_that_a_run_did_not_measure_stay_as_they_are() -> None:
    idle = {**headline(), "title": "Idle"}
    kept = Results({**MACHINE, "commit": "old"}, {"headline": {}, "idle": idle}, {"dbos": "why"})
    run = Results({**MACHINE, "commit": "new"}, {"headline": headline()})

    assert joined(kept, run) == Results(run.machine, {"headline": headline(), "idle": idle})
    assert joined(Results(), run) == run


def test_parts_of_two_machines_do_not_stand_on_one_page() -> None:
    run = Results({**MACHINE, "python": "3.13.0"}, {"headline": headline()})

    with pytest.raises(OtherMachine) as refused:
        joined(Results(MACHINE, {"headline": {}, "idle": {}, "memory": {}}), run)
    assert str(refused.value) == (
        "idle, memory were measured with another python. Measure them too, or remove"
        " docs/performance.json to have a page without them."
    )
    assert joined(Results(MACHINE, {"headline": {}}), run) == run


def test_the_page_shows_the_numbers_that_are_kept_beside_it() -> None:
    page = PAGE.read_text()

    assert filled(page, Results.read(KEPT)) == page
