"""What a command costs: how many instructions it and its processes take; and the yardstick for its seconds."""

import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.command import answered

YARDSTICK = 2_000_000


class Cost(NamedTuple):
    """User and system time in seconds, or instructions in user space."""

    user: float
    system: float = 0.0


def counted(command: list[str], work: Path, settings: dict[str, str]) -> float:
    """Instructions of a command, the kernel's not among them."""
    out = work / "instructions"
    out.mkdir()
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--trace-children=yes", "-q"]
    answered([*valgrind, f"--cachegrind-out-file={out}/%p", *command], work, settings)
    lines = [line for file in out.iterdir() for line in file.read_text().splitlines()]
    return sum(float(line.split()[1]) for line in lines if line.startswith("summary:"))


def yardstick() -> float:
    """Milliseconds of processor time that a fixed loop takes now: by how much it varies, so may all else."""
    began = time.process_time()
    for _ in range(YARDSTICK):
        pass
    return (time.process_time() - began) * 1e3
