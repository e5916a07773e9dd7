"""The web's rows of the bar at the sizes of each commit, as the commands they are; and each with its faults planted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
linux_alone = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it reads /proc")


def command(row: str, *options: str) -> tuple[int, str]:
    """Exit code and output of one row."""
    argv = [sys.executable, "-m", f"tests.bar.{row}", "--seed", "1", *options]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=115, check=False)
    return done.returncode, done.stdout + done.stderr


@linux_alone
def test_a1_what_the_openapi_document_promises_is_kept() -> None:
    code, said = command("a1_openapi")
    assert code == 0, said


@linux_alone
def test_a2_whatever_comes_is_answered_with_a_4xx_of_one_shape() -> None:
    code, said = command("a2_bad_input")
    assert code == 0, said


@linux_alone
def test_a4_slow_connections_and_huge_bodies_cost_the_others_nothing() -> None:
    code, said = command("a4_slow_and_big")
    assert code == 0, said


@linux_alone
def test_a5_two_requests_under_one_key_are_one_task() -> None:
    code, said = command("a5_idempotency")
    assert code == 0, said


@linux_alone
@pytest.mark.parametrize(
    ("row", "fault", "sizes"),
    [
        ("a1_openapi", "wrong-schema", ["--examples", "2"]),
        ("a1_openapi", "crash", ["--examples", "2"]),
        ("a2_bad_input", "told", ["--requests", "20"]),
        ("a4_slow_and_big", "unlimited", ["--slow", "4", "--seconds", "1", "--megabytes", "40"]),
        ("a5_idempotency", "keyless", ["--posts", "10"]),
    ],
)
def test_a_planted_fault_is_found(row: str, fault: str, sizes: list[str]) -> None:
    code, said = command(row, "--fault", fault, "--until-a-miss", *sizes)
    assert code == 1, said
    assert "MISS: " in said, said
    assert "FAILED with" in said, said
