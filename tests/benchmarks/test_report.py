"""The page of results from given figures."""

from benchmarks.harness.bystanders import Watch, busy_and_stolen
from benchmarks.harness.figures import Figures, Rounds
from benchmarks.harness.goals import NONE, TIMES
from benchmarks.harness.report import COLUMNS, figures_table, ratios_table, report, results_line, surroundings
from benchmarks.harness.roster import ROSTER, Entry

OURS, PLAIN = ROSTER[0], ROSTER[1]
PEER = next(entry for entry in ROSTER if entry.name == "huey")


def row(table: str, entry: Entry) -> dict[str, str]:
    head, _, *lines = table.splitlines()
    [line] = [line for line in lines if line.startswith(f"| {entry.title} |")]
    return dict(zip(cells(head), cells(line), strict=True))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_cell_shows_the_median_and_the_range() -> None:
    found = Figures([OURS], {OURS.name: [{"enqueue": 1000.0}, {"enqueue": 3000.0}, {"enqueue": 1200.0}]})
    assert row(figures_table(found), OURS)["enqueue /s"] == "1,200 (1,000 to 3,000)"


def test_what_a_contender_cannot_do_is_a_dash() -> None:
    found = Figures([OURS, PEER], {OURS.name: [{"enqueue_bulk": 9.0}], PEER.name: [{"enqueue": 5.0}]})
    assert row(figures_table(found), PEER)["in bulk /s"] == NONE
    assert row(ratios_table(found), PEER)["in bulk /s"] == NONE


def test_a_ratio_above_one_is_better_for_rates_and_for_times() -> None:
    found = Figures(
        [OURS, PEER], {OURS.name: [{"drain": 50.0, "wake_p50": 2.0}], PEER.name: [{"drain": 10.0, "wake_p50": 1.0}]}
    )
    ratios = row(ratios_table(found), PEER)
    assert (ratios["drain /s"], ratios["idle to start p50, ms"]) == (f"5.0{TIMES}", f"0.50{TIMES}")


def test_what_keeping_results_costs_is_told_in_per_cent() -> None:
    found = Figures([OURS, PLAIN], {OURS.name: [{"drain": 75.0}], PLAIN.name: [{"drain": 100.0}]})
    assert results_line(found).startswith("Keeping results costs 25 % (drain):")
    assert results_line(Figures([OURS], {})) == ""


def test_a_disturbed_round_is_named_and_a_quiet_one_is_not() -> None:
    watches = {OURS.name: [Watch(0.1, 1.2, 0.05, 0.0), Watch(0.5, 2.5, 0.7, 0.1)]}
    text = surroundings([OURS], watches)
    assert "0.1 to 2.5" in text
    assert "1 of 2 rounds were disturbed" in text
    assert "round 2: 0.70 cores by others, 0.10 by the host" in text
    assert "round 1" not in text


def test_a_quiet_machine_is_called_quiet() -> None:
    assert "No round was disturbed" in surroundings([OURS], {OURS.name: [Watch(0.0, 0.9, 0.02, 0.0)]})


def test_a_system_that_does_not_tell_is_said_not_to() -> None:
    assert "cannot be told" in surroundings([OURS], {OURS.name: [Watch(0.0, 0.9)]})


def test_idling_and_waiting_for_the_disk_is_not_being_busy() -> None:
    assert busy_and_stolen("cpu  100 20 30 9999 8888 5 6 7 0 0", ticks=10) == (16.1, 0.7)


def test_the_page_has_goals_figures_ratios_and_settings() -> None:
    rounds: dict[str, Rounds] = {OURS.name: [{"drain": 50.0, "repeats": 2.0}], PEER.name: [{"drain": 10.0}]}
    page = report(Figures([OURS, PEER], rounds), {OURS.name: [Watch(0.1, 0.2, 0.0, 0.0)]})
    assert "| goal |" in page
    assert all(column.heading in page for column in COLUMNS)
    assert f"| {OURS.title} against |" in page
    assert f"- {PEER.title}: huey " in page
    assert "Executed 2 tasks more than once." in page


def test_contenders_have_names_of_their_own_and_pinned_requirements() -> None:
    names = [entry.name for entry in ROSTER]
    assert len(set(names)) == len(names)
    for entry in ROSTER:
        assert entry.module == "ebbtide_sqlite" or all("==" in requirement for requirement in entry.requirements)
