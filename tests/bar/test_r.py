"""The embedded queue's rows of the bar at the sizes of each commit, and each with its faults planted.

Each runs as the command a person would give, because several fork or kill.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.bar import powercut, r11_identity, smalldisk

ROOT = Path(__file__).parents[2]
needs_a_power_cut = pytest.mark.skipif(not powercut.compiler(), reason="R3 needs Linux and a C compiler (cc)")
needs_a_small_disk = pytest.mark.skipif(
    not smalldisk.possible(), reason="R5 needs Linux and a mount namespace (unshare --user --mount)"
)

needs_pid_namespaces = pytest.mark.skipif(
    r11_identity.isolation() is None, reason="R11's names need pid namespaces (unshare --pid)"
)


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


def test_r4_writers_wait_their_turn() -> None:
    code, said = command("r4_writers", "--seed", "1")
    assert code == 0, said


@needs_a_small_disk
def test_r5_a_full_disk_loses_nothing() -> None:
    code, said = command("r5_disk_full", "--seed", "1")
    assert code == 0, said


def test_r6_no_message_ends_a_worker() -> None:
    code, said = command("r6_poison", "--seed", "1")
    assert code == 0, said


def test_r7_a_task_that_ends_its_worker_is_set_aside() -> None:
    code, said = command("r7_crash_poison", "--seed", "1")
    assert code == 0, said


def test_r8_a_clock_that_is_set_and_a_frozen_process_lose_nothing() -> None:
    code, said = command("r8_clock", "--seed", "1")
    assert code == 0, said


def test_r9_sigterm_ends_a_worker_in_good_order() -> None:
    code, said = command("r9_sigterm", "--seed", "1")
    assert code == 0, said


def test_r10_a_late_holder_changes_nothing() -> None:
    code, said = command("r10_fencing", "--seed", "1")
    assert code == 0, said


def test_r11_a_holder_is_known_by_its_life_not_by_its_name() -> None:
    code, said = command("r11_identity", "--seed", "1")
    assert code == 0, said


def test_r12_every_broker_does_what_the_model_says() -> None:
    code, said = command("r12_model", "--seed", "1")
    assert code == 0, said


def test_r13_an_older_file_runs_and_a_newer_one_is_refused() -> None:
    code, said = command("r13_releases", "--seed", "1")
    assert code == 0, said


def test_r14_an_old_file_is_as_quick_as_a_new_one() -> None:
    code, said = command("r14_age", "--seed", "1")
    assert code == 0, said


@pytest.mark.parametrize(
    ("row", "fault", "sizes"),
    [
        ("r1_kill", "ack-first", ["--tasks", "200", "--kills", "1"]),
        ("r1_kill", "no-reclaim", ["--tasks", "200", "--kills", "2"]),
        ("r2_crash_points", "commit-skipped", []),
        ("r2_crash_points", "no-transaction", []),
        pytest.param("r3_power_cut", "fast", ["--tasks", "160", "--cuts", "8"], marks=needs_a_power_cut),
        ("r4_writers", "no-waiting", []),
        pytest.param("r5_disk_full", "swallow", [], marks=needs_a_small_disk),
        ("r6_poison", "escape", []),
        ("r7_crash_poison", "no-crash-count", ["--ways", "1"]),
        ("r8_clock", "wall-clock", []),
        ("r9_sigterm", "ignore-sigterm", []),
        ("r10_fencing", "without-claim", ["--interleavings", "50"]),
        ("r10_fencing", "without-state", ["--interleavings", "50"]),
        pytest.param("r11_identity", "host-and-pid", [], marks=needs_pid_namespaces),
        ("r12_model", "retry-order", []),
        ("r13_releases", "version-bumped", []),
        ("r13_releases", "newer-is-opened", []),
        ("r14_age", "no-index", ["--claims", "50"]),
    ],
)
def test_a_planted_fault_is_found(row: str, fault: str, sizes: list[str]) -> None:
    code, said = command(row, "--seed", "1", "--fault", fault, "--until-a-miss", *sizes)
    assert code == 1, said
    assert "MISS: " in said, said
    assert "FAILED with" in said, said
    assert "Traceback" not in said.replace("the child ended", ""), said
