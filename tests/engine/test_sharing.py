"""How many workflows a worker that does not keep up leaves to others (P8)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from workflows_app.engine.sharing import Crowd, Sharing


@pytest.mark.parametrize(
    ("held", "crowd", "rested", "is_full", "surplus"),
    [
        (16, Crowd(workers=2, claimed=16), 0.0, False, 8),
        (9, Crowd(workers=2, claimed=16), 0.0, False, 1),
        (8, Crowd(workers=2, claimed=16), 0.0, False, 0),
        (5, Crowd(workers=3, claimed=7), 0.0, False, 2),
        # Nobody else is there, or it has but one.
        (16, Crowd(workers=1, claimed=16), 0.0, False, 0),
        (1, Crowd(workers=2, claimed=1), 0.0, False, 0),
        # It keeps up, unless it has no place left.
        (16, Crowd(workers=2, claimed=16), 0.5, False, 0),
        (16, Crowd(workers=2, claimed=16), 0.5, True, 8),
    ],
)
def test_who_does_not_keep_up_gives_back_what_is_above_its_share(
    held: int, crowd: Crowd, rested: float, is_full: bool, surplus: int
) -> None:
    sharing = Sharing(lambda: crowd)
    sharing.surplus(1, rested=0.0, is_full=False, now=0.0)

    assert sharing.surplus(held, rested=rested, is_full=is_full, now=1.0) == surplus
    assert sharing.leaves_jobs(now=1.5) == (surplus > 0)
    assert not sharing.leaves_jobs(now=2.5)


def test_what_nobody_takes_is_offered_less_and_less_often() -> None:
    sharing = Sharing(lambda: Crowd(workers=2, claimed=4))
    offered = [
        tenth / 10
        for tenth in range(1200)
        if sharing.surplus(4, rested=0.0, is_full=False, now=tenth / 10)
    ]

    pauses = [round(later - earlier, 1) for earlier, later in pairwise(offered)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 30


def test_what_others_take_is_followed_by_more_as_soon_as_it_is_due() -> None:
    claimed = iter([4, 5, 6, 7])
    sharing = Sharing(lambda: Crowd(workers=2, claimed=next(claimed)))

    assert [
        sharing.surplus(4, rested=0.0, is_full=False, now=quarter / 4) for quarter in range(4)
    ] == [2, 1, 1, 0]
