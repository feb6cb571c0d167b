"""The arithmetic of the benchmark, which nobody would see fail."""

from __future__ import annotations

import pytest

from tests.benchmarks.numbers import Spread, growth_percent, percentile, ratios


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1.0), (50, 50.0), (99, 99.0), (99.5, 100.0), (100, 100.0)]
)
def test_so_many_percent_are_at_most_the_percentile(percent: float, expected: float) -> None:
    values = [float(number) for number in range(100, 0, -1)]

    assert percentile(values, percent) == expected


def test_of_one_value_every_percentile_is_that_value() -> None:
    assert (percentile([7.0], 1), percentile([7.0], 99)) == (7.0, 7.0)


def test_a_spread_is_the_middle_one_the_lowest_and_the_highest() -> None:
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)


def test_a_ratio_compares_the_rounds_that_ran_side_by_side() -> None:
    # The machine was half as fast in the second round: to both.
    assert ratios([100.0, 50.0, 90.0], [200.0, 100.0, 100.0]) == [0.5, 0.5, 0.9]


def test_rounds_without_a_counterpart_are_left_out() -> None:
    assert ratios([100.0, 50.0], [200.0]) == [0.5]
    assert ratios([], [200.0]) == []
    assert ratios([100.0], [0.0]) == []


def test_growth_is_from_the_first_value_to_the_last() -> None:
    assert growth_percent([50.0, 80.0, 55.0]) == pytest.approx(10.0)
