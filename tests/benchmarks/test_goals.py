"""Goals judged on figures: met, missed by how much, or not measured."""

import pytest
from benchmarks.harness.figures import Figures, Rounds
from benchmarks.harness.goals import GOALS, TIMES, goals_table, verdicts
from benchmarks.harness.roster import ROSTER


def figures(**rounds: Rounds) -> Figures:
    return Figures(list(ROSTER), {name.replace("_", "-"): found for name, found in rounds.items()})


def words(found: Figures, what: str, wanted: str = "") -> str:
    [verdict] = [v for v in verdicts(found) if v.goal.what == what and wanted in v.goal.wanted]
    return verdict.words


def test_a_rate_above_its_goal_is_met_by_how_many_times() -> None:
    assert words(figures(ebbtide=[{"busy": 3000.0}]), "tasks of 1 ms of processor time") == f"met, 2.0{TIMES}"


def test_a_rate_below_its_goal_says_by_how_much_it_is_missed() -> None:
    assert words(figures(ebbtide=[{"busy": 1200.0}]), "tasks of 1 ms of processor time") == "**missed by 20 %**"


def test_a_waiting_time_is_met_from_below() -> None:
    found = figures(ebbtide=[{"wake_p50": 0.5, "wake_p99": 9.0}])
    assert words(found, "idle to start, median") == f"met, 2.0{TIMES}"
    assert words(found, "idle to start, p99") == "**missed by 50 %**"


def test_what_nobody_measured_is_neither_met_nor_missed() -> None:
    assert {verdict.words for verdict in verdicts(figures())} == {"not measured"}


def test_the_median_of_the_rounds_is_judged() -> None:
    assert (
        words(figures(ebbtide=[{"busy": 100.0}, {"busy": 1500.0}, {"busy": 1501.0}]), GOALS[-1].what)
        == f"met, 1.0{TIMES}"
    )


def test_five_times_the_best_peer_is_the_best_of_all_ways_and_all_durabilities() -> None:
    found = figures(
        ebbtide=[{"end_to_end_bulk": 9000.0}],
        ebbtide_fast=[{"end_to_end_bulk": 99_000.0}],
        huey=[{"end_to_end": 1000.0}],
        dramatiq=[{"end_to_end": 900.0, "end_to_end_threads": 2000.0}],
    )
    assert words(found, "end to end, in bulk", "5 times") == "**missed by 10 %**"
    assert f"10,000/s (5 {TIMES} dramatiq, Redis)" in goals_table(found)


def test_one_by_one_the_best_peer_of_the_same_durability_counts() -> None:
    found = figures(ebbtide=[{"enqueue": 1000.0}], huey=[{"enqueue": 500.0}], huey_nosync=[{"enqueue": 10_000.0}])
    assert words(found, "enqueue one by one") == f"met, 2.0{TIMES}"


@pytest.mark.parametrize(("kept", "verdict"), [(800.0, "met"), (500.0, "**missed by 17 points**"), (1100.0, "met")])
def test_keeping_results_may_cost_a_third(kept: float, verdict: str) -> None:
    found = figures(ebbtide=[{"drain": kept}], ebbtide_no_results=[{"drain": 1000.0}])
    assert words(found, "keeping results, in a drain") == verdict


def test_a_slow_minute_that_hits_both_leaves_the_share_alone() -> None:
    kept: Rounds = [{"drain": 750.0}, {"drain": 75.0}, {"drain": 760.0}]
    off: Rounds = [{"drain": 1000.0}, {"drain": 100.0}, {"drain": 1000.0}]
    share = figures(ebbtide=kept, ebbtide_no_results=off).share("ebbtide", "ebbtide-no-results", "drain")
    assert share == pytest.approx(0.75)


def test_every_goal_has_a_line() -> None:
    assert len(goals_table(figures()).splitlines()) == len(GOALS) + 2
