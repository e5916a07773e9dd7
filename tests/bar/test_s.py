"""The AWS engine's rows of the bar at the sizes of each commit, and each with its faults planted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.bar import (
    s1_partial_batch,
    s3_duplicates,
    s5_throttling,
    s6_fifo,
    s7_recursion,
    s8_limits,
    s10_histories,
    s11_order,
)
from tests.bar.row import Row

ROOT = Path(__file__).parents[2]

ROWS: list[Row] = [
    s1_partial_batch.ROW,
    s3_duplicates.ROW,
    s6_fifo.ROW,
    s5_throttling.ROW,
    s7_recursion.ROW,
    s8_limits.ROW,
    s10_histories.ROW,
    s11_order.ROW,
]

PLANTED: list[tuple[Row, str, dict[str, int], str]] = [
    (s1_partial_batch.ROW, "swallow", {"batches": 50, "largest": 10}, "1 failures are not named"),
    (s1_partial_batch.ROW, "whole-batch", {"batches": 50, "largest": 10}, "successes are"),
    (s6_fifo.ROW, "continue", {"histories": 10}, "earlier ones were over"),
    (s3_duplicates.ROW, "unconditional", {"histories": 20}, "effects, of which"),
    (s3_duplicates.ROW, "no-expiry", {"histories": 50}, "are blocked"),
    (s3_duplicates.ROW, "unfenced", {"histories": 300}, "effects, of which"),
    (s5_throttling.ROW, "max-receive-1", {"messages": 100}, "a good message is dead: no reason"),
    (s5_throttling.ROW, "short-visibility", {"messages": 20}, "is below 6 x"),
    (s7_recursion.ROW, "terminate", {"chains": 2, "storms": 0}, "a chain ran to depth"),
    (s7_recursion.ROW, "no-budget", {"chains": 1, "storms": 0}, "the budget is"),
    (s7_recursion.ROW, "no-storm-limit", {"chains": 0, "storms": 1}, "descendants run, the limit is"),
    (s8_limits.ROW, "ignore-failed", {"calls": 1, "messages": 100}, "was acknowledged and is not there"),
    (s8_limits.ROW, "sqs-refuses", {"calls": 1, "messages": 10}, "BatchRequestTooLong"),
    (s10_histories.ROW, "all-is-well", {"histories": 4}, "its record says READY"),
    (s10_histories.ROW, "no-ledger", {"histories": 4}, "times: "),
    (s11_order.ROW, "continue", {"histories": 4}, "before what came before it"),
]
"""A row, one of its faults, sizes that suffice to find it, and what a miss says."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_kept(row: Row) -> None:
    judgement = row.judge(seed=1)
    assert not judgement.misses, judgement.misses


@pytest.mark.parametrize(("row", "fault", "sizes", "miss"), PLANTED, ids=lambda given: getattr(given, "name", None))
def test_a_planted_fault_is_found(row: Row, fault: str, sizes: dict[str, int], miss: str) -> None:
    judgement = row.judge(1, fault, False, False, **sizes)
    assert any(miss in found.what for found in judgement.misses), judgement.misses


def command(row: str, *options: str) -> tuple[int, str]:
    """Exit code and output of a row that forks, which a process with the threads of a test runner must not."""
    argv = [sys.executable, "-m", f"tests.bar.{row}", "--seed", "1", *options]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=115)
    return done.returncode, done.stdout + done.stderr


def test_s2_nothing_is_killed_without_a_record() -> None:
    code, said = command("s2_time")
    assert code == 0, said


def test_s4_a_poison_costs_its_neighbours_nothing() -> None:
    code, said = command("s4_poison")
    assert code == 0, said


@pytest.mark.parametrize(
    ("row", "fault", "sizes", "miss"),
    [
        ("s2_time", "ignore-context", ["--batches", "20", "--processes", "0"], "s left, a limit of"),
        ("s2_time", "no-watch", ["--batches", "0", "--processes", "6"], "settled 0 times"),
        ("s4_poison", "fail-whole-batch", ["--histories", "1"], "good neighbours ran"),
    ],
)
def test_a_planted_fault_is_found_by_a_row_that_forks(row: str, fault: str, sizes: list[str], miss: str) -> None:
    code, said = command(row, "--fault", fault, *sizes)
    assert code == 1, said
    assert miss in said, said
    assert "FAILED with" in said, said


def test_every_fault_that_can_be_planted_is() -> None:
    assert {(row.name, fault) for row in ROWS for fault in row.faults} == {
        (row.name, fault) for row, fault, *_ in PLANTED
    }
