"""The schedules' rows of the bar at the sizes of each commit, and each with its faults planted."""

from __future__ import annotations

import pytest
from tests.bar import c3_dst, c4_template
from tests.bar.row import Row
from tests.bar.test_r import command


def test_c1_several_schedulers_killed_at_random_fire_each_tick_once() -> None:
    code, said = command("c1_schedulers", "--seed", "1")
    assert code == 0, said


def test_c2_each_policy_makes_up_what_it_says() -> None:
    code, said = command("c2_down", "--seed", "1")
    assert code == 0, said


def test_c3_the_clock_change_comes_as_documented() -> None:
    judgement = c3_dst.ROW.judge(seed=1)
    assert not judgement.misses, judgement.misses


def test_c4_here_and_on_aws_a_schedule_is_due_at_the_same_times() -> None:
    judgement = c4_template.ROW.judge(seed=1)
    assert not judgement.misses, judgement.misses


def test_c5_a_clock_that_is_set_doubles_no_tick() -> None:
    code, said = command("c5_set_clock", "--seed", "1")
    assert code == 0, said


@pytest.mark.parametrize(
    ("row", "fault", "sizes", "miss"),
    [
        ("c1_schedulers", "no-fence", ["--seconds", "3", "--kills", "2"], "was fired 2 times"),
        ("c1_schedulers", "cursor-first", ["--kills", "12"], "ticks are lost"),
        ("c2_down", "only-one", [], "missed='skip' ran ["),
        ("c5_set_clock", "back-with-the-clock", ["--steps", "8"], "was fired"),
    ],
)
def test_a_planted_fault_is_found(row: str, fault: str, sizes: list[str], miss: str) -> None:
    code, said = command(row, "--seed", "1", "--fault", fault, *sizes)
    assert code == 1, said
    assert "MISS: " in said, said
    assert miss in said, said
    assert "Traceback" not in said, said


@pytest.mark.parametrize(
    ("row", "fault", "sizes"),
    [
        (c3_dst.ROW, "gap-shifted", {"zones": 1}),
        (c3_dst.ROW, "second-of-two", {"zones": 1}),
        (c4_template.ROW, "no-zone", {"expressions": 30}),
        (c4_template.ROW, "weekdays-from-monday", {"expressions": 100}),
    ],
)
def test_a_planted_fault_of_the_calendar_is_found(row: Row, fault: str, sizes: dict[str, int]) -> None:
    assert row.judge(1, fault, False, False, **sizes).misses
