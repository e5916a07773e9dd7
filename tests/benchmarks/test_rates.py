"""Rates and quantiles from times, and numbers for tasks."""

import pytest
from benchmarks.harness.rates import Numbers, median_and_p99, rate_until_last, steady_rate

SECOND = 1_000_000_000


def test_a_rate_counts_from_the_start_to_the_last_end() -> None:
    assert rate_until_last(10, SECOND, [2 * SECOND, 6 * SECOND, 3 * SECOND]) == 2.0


def test_the_first_tenth_of_a_backlog_does_not_count_for_the_steady_rate() -> None:
    slow_start = [n * SECOND for n in range(2)]
    then_ten_a_second = [SECOND + n * SECOND // 10 for n in range(1, 19)]
    assert steady_rate(slow_start + then_ten_a_second) == pytest.approx(10, rel=0.06)


def test_a_straggler_counts() -> None:
    even = [n * SECOND // 10 for n in range(20)]
    assert steady_rate([*even[:-1], 10 * SECOND]) < steady_rate(even) / 4


def test_the_order_in_which_ends_are_told_does_not_matter() -> None:
    ends = [n * SECOND for n in range(30)]
    assert steady_rate(reversed(ends)) == steady_rate(ends) == 1.0


def test_the_median_is_the_middle_and_p99_the_rare_slow_one() -> None:
    middle, rare = median_and_p99([1.0] * 98 + [50.0, 50.0])
    assert middle == 1.0
    assert 49 < rare <= 50


def test_no_number_is_given_out_twice() -> None:
    numbers = Numbers()
    assert [*numbers.take(3), *numbers.take(2), *numbers.take(1)] == [0, 1, 2, 3, 4, 5]
