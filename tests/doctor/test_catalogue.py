"""The checks as a whole: told apart, explained, and each tested."""

from __future__ import annotations

import re
from pathlib import Path

from tests.doctor.planting import PLANTED
from workflows_app.doctor import CHECKS

_TESTS = [
    *Path(__file__).parent.glob("*.py"),
    *Path(__file__).parents[1].glob("alerts/test_*.py"),
]


def test_every_check_has_an_id_of_its_own_and_says_what_to_do() -> None:
    ids = [check.id for check in CHECKS]
    assert len(set(ids)) == len(ids)
    for check in CHECKS:
        assert re.fullmatch(r"D\d{3}", check.id)
        assert check.title[0].isupper()
        assert not check.title.endswith(".")
        assert check.meaning.endswith(".")
        assert check.remedy.endswith(".")


def test_every_check_has_a_test_that_plants_its_violation() -> None:
    tests = "".join(path.read_text() for path in _TESTS)
    planted = set(re.findall(r'(?:Planted\(|found_by\()\s*"(D\d{3})"', tests))
    planted |= {case.check for case in PLANTED}
    assert planted == {check.id for check in CHECKS}
