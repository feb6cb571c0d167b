"""The planted faults still fit the project: `make mutants` shows that each is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.copies import first_failed
from tests.mutants.fault import ROOT, Drifted, Fault
from tests.mutants.faults import FAULTS

PROMISES = {"P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"}


def test_each_fault_can_be_planted_and_the_tests_that_catch_it_are_there() -> None:
    texts = {fault.says: (ROOT / fault.file).read_text() for fault in FAULTS}

    assert [fault.says for fault in FAULTS if fault.planted() == texts[fault.says]] == []
    assert [fault.says for fault in FAULTS if not fault.tests] == []
    assert {fault.says: fault.missing_tests() for fault in FAULTS if fault.missing_tests()} == {}


def test_no_two_faults_are_the_same() -> None:
    assert len({fault.says for fault in FAULTS}) == len(FAULTS)
    assert len({(fault.file, fault.old, fault.new) for fault in FAULTS}) == len(FAULTS)


def test_every_promise_is_broken_by_some() -> None:
    assert {fault.breaks for fault in FAULTS} == PROMISES


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("gone.py", "a = 1", "a = 2", "it fails: there is no file gone.py"),
        ("there.py", "a = 3", "a = 2", "it fails: there.py has the old text 0 times, not once"),
        ("there.py", "a", "b", "it fails: there.py has the old text 2 times, not once"),
        ("there.py", "a = 1", "a = 1  # so", "it fails: it changes nothing in there.py"),
        (
            "there.py",
            "a = 1",
            "a = = 1",
            "it fails: with it there.py is no Python: invalid syntax (<unknown>, line 1)",
        ),
    ],
)
def test_a_fault_that_does_not_fit_any_more_says_so(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    (tmp_path / "there.py").write_text("a = 1\nprint(a)\n")
    fault = Fault("it fails", breaks="P1", file=file, old=old, new=new, tests=())

    with pytest.raises(Drifted) as drifted:
        fault.planted(tmp_path)
    assert str(drifted.value) == message


def test_a_test_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("\ndef test_that(): ...\n")
    tests = ("test_it.py", "test_it.py::test_that", "test_it.py::test_this", "test_no.py")
    fault = Fault("it fails", breaks="P1", file="a.py", old="", new="", tests=tests)

    assert fault.missing_tests(tmp_path) == ["test_it.py::test_this", "test_no.py"]


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        (
            "FAILED tests/unit/test_a.py::test_it[1] - assert 1",
            "unit/test_a.py::test_it[1] - assert 1",
        ),
        (
            "ERROR tests/unit/test_a.py::test_it - assert [] == 1",
            "unit/test_a.py::test_it - assert [] == 1",
        ),
        ("ERROR tests/unit/test_a.py - ImportError: no b::c", ""),
        ("1 passed in 0.1s", ""),
    ],
    ids=["a test", "what a fixture asserts after a test", "a file that can't be read", "none"],
)
def test_a_fault_is_caught_by_a_test_or_by_what_its_fixtures_assert(line: str, failed: str) -> None:
    assert first_failed(f"=== short test summary info ===\n{line}\n1 error in 2 s\n") == failed
