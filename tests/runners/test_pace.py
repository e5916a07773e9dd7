"""How many messages are claimed at once."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ebbtide.runners.pace import MOMENT, MOST, Pace


def claims(pace: Pace, seconds: float, count: int, there: int = 10_000) -> list[int]:
    """What it claims when every task takes so long and so many wait."""
    found = []
    for _ in range(count):
        taken = min(pace.room(), there)
        pace.claimed(taken)
        for _ in range(taken):
            pace.took(seconds)
        found.append(taken)
    return found


def test_it_starts_with_one() -> None:
    assert Pace().room() == 1


def test_quick_tasks_are_claimed_more_and_more_at_once_up_to_a_most() -> None:
    found = claims(Pace(), 0.00001, 40)
    assert found == sorted(found)
    assert all(later <= 2 * earlier for earlier, later in itertools.pairwise(found))
    assert found[-1] == MOST


def test_tasks_longer_than_a_moment_are_claimed_one_at_a_time() -> None:
    assert claims(Pace(), 2 * MOMENT, 10) == [1] * 10


def test_tasks_of_a_part_of_a_moment_are_claimed_as_fits_it() -> None:
    assert claims(Pace(), MOMENT / 4.5, 40)[-1] == 4


def test_one_slow_task_among_quick_ones_counts_at_once() -> None:
    pace = Pace()
    claims(pace, 0.00001, 40)
    pace.took(1.0)
    assert pace.room() == 1


def test_after_a_slow_one_quick_tasks_win_the_pace_back() -> None:
    pace = Pace()
    claims(pace, 0.00001, 40)
    pace.took(1.0)
    assert claims(pace, 0.00001, 60)[-1] == MOST


def test_where_few_wait_few_more_are_asked_for() -> None:
    pace = Pace()
    claims(pace, 0.00001, 40)
    pace.claimed(3)
    assert pace.room() == 6
    pace.claimed(0)
    assert pace.room() == 2


@given(st.lists(st.tuples(st.floats(0, 3600), st.integers(0, 5000))))
def test_there_is_always_room_for_one_and_never_for_more_than_the_most(history: list[tuple[float, int]]) -> None:
    pace = Pace()
    for seconds, taken in history:
        pace.claimed(taken)
        pace.took(seconds)
        assert 1 <= pace.room() <= MOST
