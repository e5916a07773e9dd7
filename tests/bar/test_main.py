"""The runner of all rows: it finds them, runs those it is told to, and says what they said."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.bar.__main__ import NIGHTLY, chosen, judge, rows
from tests.bar.row import Row

ROOT = Path(__file__).parents[2]


def test_every_module_that_makes_a_row_is_found() -> None:
    here = Path(__file__).parent
    made = {f"tests.bar.{path.stem}" for path in here.glob("[a-z]*.py") if "\nROW = Row(" in path.read_text("utf-8")}
    assert set(rows().values()) == made
    assert {"R1", "R12", "G1"} <= rows().keys()


def test_rows_come_in_the_order_of_the_bar() -> None:
    assert chosen(None, rows())[:3] == ["R1", "R2", "R3"]
    names = list(rows())
    assert names.index("R2") < names.index("R10") < names.index("G1")


def test_what_is_for_the_night_runs_only_when_it_is_named() -> None:
    assert not NIGHTLY & set(chosen(None, rows()))
    assert chosen("r15", rows()) == ["R15"]


def test_a_name_that_is_no_rows_is_refused() -> None:
    with pytest.raises(SystemExit, match="no row R99; there are R1, "):
        chosen("R1,R99", rows())


def test_a_row_that_misses_is_shown_with_all_it_said() -> None:
    verdict = judge("R14", rows()["R14"], ["--seed", "1", "--finished", "100", "--pending", "5", "--claims", "1"])
    assert not verdict.kept
    assert any(figure.startswith("rows finished and pending: 100 and 5") for figure in verdict.figures)
    assert "MISS: claim 0 gave 5 of 10" in verdict.output


def test_the_command_prints_a_table_and_ends_with_a_verdict() -> None:
    command = [sys.executable, "-m", "tests.bar", "--quick", "--only", "c4", "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "C4    kept" in done.stdout
    assert "seed 3" in done.stdout
    assert "1 of 1 kept" in done.stdout


def test_each_row_says_its_promise_and_can_plant_a_fault_or_sizes() -> None:
    for module in rows().values():
        row = __import__(module, fromlist=["ROW"]).ROW
        assert isinstance(row, Row)
        assert row.promise
