"""The embedded queue's rows of the bar at the sizes of each commit, and each with its faults planted.

Each runs as the command a person would give, because several fork or kill.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.bar import powercut

ROOT = Path(__file__).parents[2]
needs_a_power_cut = pytest.mark.skipif(not powercut.compiler(), reason="R3 needs Linux and a C compiler (cc)")


def command(row: str, *options: str) -> tuple[int, str]:
    """Exit code and output of one row."""
    argv = [sys.executable, "-m", f"tests.bar.{row}", *options]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=115)
    return done.returncode, done.stdout + done.stderr


def test_r1_a_kill_loses_nothing() -> None:
    code, said = command("r1_kill", "--seed", "1")
    assert code == 0, said


def test_r2_a_process_may_end_at_any_point() -> None:
    code, said = command("r2_crash_points", "--seed", "1")
    assert code == 0, said


@needs_a_power_cut
def test_r3_a_power_cut_loses_nothing_acknowledged() -> None:
    code, said = command("r3_power_cut", "--seed", "1")
    assert code == 0, said


def test_r6_no_message_ends_a_worker() -> None:
    code, said = command("r6_poison", "--seed", "1")
    assert code == 0, said


def test_r9_sigterm_ends_a_worker_in_good_order() -> None:
    code, said = command("r9_sigterm", "--seed", "1")
    assert code == 0, said


def test_r10_a_late_holder_changes_nothing() -> None:
    code, said = command("r10_fencing", "--seed", "1")
    assert code == 0, said


@pytest.mark.parametrize(
    ("row", "fault", "sizes"),
    [
        ("r1_kill", "ack-first", ["--tasks", "300", "--kills", "3"]),
        ("r1_kill", "no-reclaim", ["--tasks", "300", "--kills", "3"]),
        ("r2_crash_points", "commit-skipped", []),
        ("r2_crash_points", "no-transaction", []),
        pytest.param("r3_power_cut", "fast", ["--tasks", "160", "--cuts", "8"], marks=needs_a_power_cut),
        ("r6_poison", "escape", []),
        ("r9_sigterm", "ignore-sigterm", []),
        ("r10_fencing", "without-claim", ["--interleavings", "50"]),
        ("r10_fencing", "without-state", ["--interleavings", "50"]),
    ],
)
def test_a_planted_fault_is_found(row: str, fault: str, sizes: list[str]) -> None:
    code, said = command(row, "--seed", "1", "--fault", fault, *sizes)
    assert code == 1, said
    assert "MISS: " in said, said
    assert "FAILED with" in said, said
    assert "Traceback" not in said.replace("the child ended", ""), said
