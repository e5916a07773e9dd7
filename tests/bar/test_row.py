"""The harness of the bar: sizes, seeds, faults and verdicts."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.bar.row import Draw, Figure, Miss, Row, report


def throw(draw: Draw) -> Iterator[Figure | Miss]:
    pips = [draw.random.randint(1, 6) for _ in range(draw.sizes["throws"])]
    yield Figure("throws", len(pips))
    yield Figure("pips", sum(pips) / len(pips), "each")
    if draw.fault == "seven":
        yield from (Miss("a seven") for _ in range(30))


DICE = Row("D1", "no die shows seven", throw, quick={"throws": 10, "dice": 1}, full={"throws": 1000}, faults=("seven",))


def test_one_seed_gives_one_run() -> None:
    assert DICE.judge(seed=1).figures == DICE.judge(seed=1).figures
    assert DICE.judge(seed=1).figures != DICE.judge(seed=2).figures


def test_the_tier_says_the_sizes_and_a_size_given_wins() -> None:
    assert DICE.judge(seed=1).figures[0].value == 10
    assert DICE.judge(seed=1, full=True).figures[0].value == 1000
    assert DICE.judge(seed=1, full=True, throws=5).figures[0].value == 5


def test_a_planted_fault_is_a_miss() -> None:
    assert not DICE.judge(seed=1).misses
    assert len(DICE.judge(seed=1, fault="seven").misses) == 30


def test_where_one_miss_suffices_it_ends_with_the_first() -> None:
    assert len(DICE.judge(seed=1, fault="seven", until_a_miss=True).misses) == 1
    assert DICE.judge(seed=1, until_a_miss=True).figures == DICE.judge(seed=1).figures


def test_an_unknown_fault_or_size_is_refused() -> None:
    with pytest.raises(ValueError, match="D1 can plant seven, not 'eight'"):
        DICE.judge(seed=1, fault="eight")
    with pytest.raises(ValueError, match="D1 has no sizes"):
        DICE.judge(seed=1, cards=3)


def test_a_report_shows_figures_the_first_misses_and_the_verdict() -> None:
    lines = report(DICE.judge(seed=1, fault="seven", throws=1000)).splitlines()
    assert lines[0] == "  throws: 1,000"
    assert lines[1].endswith(" each")
    assert lines.count("  MISS: a seven") == 20
    assert lines[-2] == "  ... and 10 more"
    assert lines[-1].startswith("FAILED with 30 misses, in ")
    assert report(DICE.judge(seed=1)).splitlines()[-1].startswith("kept, in ")


@pytest.mark.parametrize(
    ("options", "status"), [([], 0), (["--full"], 0), (["--fault", "seven"], 1), (["--throw", "x"], 2)]
)
def test_the_command_prints_its_seed_and_exits_by_its_verdict(
    options: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        DICE.main(["--seed", "5", *options])
    assert ended.value.code == status
    assert status == 2 or "D1: no die shows seven\nseed 5" in capsys.readouterr().out


def test_without_a_seed_one_is_drawn_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    seeds = set()
    for _ in range(2):
        with pytest.raises(SystemExit):
            DICE.main([])
        seeds.add(capsys.readouterr().out.splitlines()[1])
    assert len(seeds) == 2


def test_an_exception_of_the_run_is_no_pass() -> None:
    script = "from tests.bar.row import Row; Row('E', 'breaks', lambda draw: iter([1 / 0])).main([])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "seed " in done.stdout
    assert "ZeroDivisionError" in done.stderr
