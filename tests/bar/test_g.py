"""The envelope's rows of the bar, in the sizes of each commit, as the commands they are; and their planted faults.

Each runs in a process of its own: an audit hook stays for good, and peak memory is the whole process's.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEED = "20260101"


def run(row: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"tests.bar.{row}", "--seed", SEED, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.parametrize(
    ("row", "options"),
    [("g1_fuzz", ["--count", "30000"]), ("g2_round_trip", []), ("g3_versions", []), ("g4_audit", [])],
)
def test_the_promise_is_kept(row: str, options: list[str]) -> None:
    done = run(row, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"seed {SEED}" in done.stdout
    assert "kept, in" in done.stdout


@pytest.mark.parametrize(
    ("row", "fault", "count"),
    [
        ("g1_fuzz", "unchecked", "300"),
        ("g2_round_trip", "lossy", "300"),
        ("g3_versions", "any-version", "50"),
        ("g4_audit", "pickle", "300"),
        ("g4_audit", "dotted-name", "300"),
    ],
)
def test_the_planted_fault_is_found(row: str, fault: str, count: str) -> None:
    done = run(row, "--count", count, "--fault", fault)
    assert done.returncode == 1, done.stdout
    assert "MISS: " in done.stdout, done.stdout + done.stderr
    assert "FAILED with" in done.stdout
